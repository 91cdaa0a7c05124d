"""Define the front door's written rules: which desk reads a message, by the words it asks with.

First come the matters that no desk may touch, whatever else the message is about. Then each rule
stands before those that its words would also set off: a refund of a lost parcel is about money, a
damaged parcel to be sent again about the parcel. Texts that no rule knows go to the learned tier.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from .outside import (
    ACCOUNT_EMAIL,
    CHAT,
    DATA,
    ELSEWHERE,
    JOBS,
    LEGAL,
    PRESS,
    STAFF,
    TALK,
    TRADE,
)
from .phrases import both, but_not, says

AT_LEAST = 0.9
"""The accuracy that the learned tier promises; where it cannot, a person reads the message."""

# Nobody should wait for money, or for a tip to unplug it, while something burns.
DANGER = says(r"""
    smok(e|es|ing|ed|y); spark(s|ed|ing)?; burn(s|t|ed|ing)?; scorch\w*;
    smells? of .. (plastic|rubber|gas); (on|catch(es)?|caught|a) fire; flames?; over-?heat\w*;
    electrocuted; zapped; electric(al)? shock; shock (from|off) (the|it|my);
    (gave|gives) (me|my \w+) an? (\w+ )?shock; (got|felt) an? (\w+ )?shock (when|as|touch\w*)(?! i
     (saw|read)); swollen; swell(ed|ing|s)?; bulg(ing|es|ed); puffed up; explo(ded?|des|ding|sion);
    melt(s|ed|ing)?; dangerous; hazard\w*; toxic; unsafe; is (it|this|that) safe; acid;
    safe (to (use|leave|keep|touch|plug|charge|run|have|let|continue|carry)|for (my )?(kids|children
    |babies|pets|the)); GOODS safe; a (loud )?bang; went bang; trip(s|ped) the;
    (gets?|getting|got|becomes?|became|runs?|goes|is|too|so|very|burning|boiling)
     (really |very |so |too |extremely |quite |dangerously )?hot; short.circuit\w*
""")

# A thing that is declined must not decide: "I don't want a refund, send it again".
NO_REFUND = says(r"""
    (don't|do not|not|never) (want|need|asking for|after|looking for) (a |the |my |any )?(refund
    |money); (not|instead of|rather than) (a |the |my )?(refund|money); (don't|do not) refund;
    no refund(,| please| needed| wanted)
""")
SEND_ANOTHER = says(r"""
    replac(e|es|ed|ements?|ing); exchang(e|ed|ing); swap(ped|ping)?; ship it anew;
    re-?(send|sent|ship|shipped|deliver|delivered|dispatch|dispatched|sending);
    (send|sent|ship|post|deliver|get|dispatch|bring) .. (again|once more|anew|another|new one|fresh
     one|(right|correct|missing) (one|\w+)|out quickly); another \w+ (on|sent|posted|please|be);
    (like|want|need) another \w+; (like|want|need|have|get|send) (me |us )?(a|five|two|the) (new
    |other|second|missing|right|correct) \w+; (second|new|right|undamaged) (one|GOODS) (is |be
     )?(sent|shipped|posted|please); (ship|send|post) just; undamaged one; i'd like (a new|complete)
""")
REPAIR = says(r"""
    warr?[ae]nt\w*; garant\w*; guarentee; (?<!price[\s-])(?<!back\s)(?<!you\s)guarantees?(?! (that
    |it|delivery|me|next)); repair\w*; mend(ed|ing)?; (is|it|that|this|they|are|i|damage) (still
     )?covered(?! (in|with)); covered by; (product|safety|an?|been|is) recall(ed)?; technicians?;
    spare (?!time|me)\w+; schematics; (get|be|is it|have) (it |this |them |that |my \w+ )?fixed;
    fix my GOODS
""")
# Someone who names the label or the form asks for a return, even "so that I get my money back".
OPEN_RETURN = says(r"""
    (send|need|get|e-?mail|mail|print\w*|lost|new|fresh|bigger) (me |us )?(an? |the |another |my
     )?(returns?|postage|prepaid) (shipping )?(label|slip|form); returns? (portal|form|page);
    (open|start|arrange|set up|request|initiate|begin|register|book|organi[sz]e) (an?|the|my) return
""")
# The credit for lateness is the parcel desk's to give; a refund is not, however late the parcel.
LATE_CREDIT = but_not(
    both(
        says(r"""
            credit(?! (cards?|notes?)); compensat\w*; good-?will; (ten|10) (pounds?|quid|dollars?);
            [£$]10(\.00)?; tenner; make up for; knocked off; get (any|some)thing .. (back|off);
            (any|some)thing for (the|my|all the|this) (inconvenience|trouble|wait|delay|hassle)
        """),
        says(r"""
            late(r|ly|ness)?; delay\w*; overdue; days? (after|longer|more);
            (took|taken) .. (days|weeks); past (its|the) (due )?date
        """),
    ),
    says(r"refund\w*; money back; charged"),
)
REFUND = says(r"""
    re-?fu?n?d(s|ed|ing|able)?; refudn; reimburs\w*; money('s| is)? (back|returned); compensat\w*;
    (the|my) (money|cash); charge-?backs?; good-?will; cash-?back; credit note; purchase price;
    (give|pay|paid|transfer|want|need|get|got) (me |us |the |all |only |my ){0,3}\S?\d\S*( \w+)?
     back; (pay|paid|paying) (me |us |it |this )?back; how much .. get back; give it back; pay me;
    repa(y|id|yment); (return|pay|give|reverse) .. (payment|price|amount); am owed; pay-?out;
    owed? me(?! an? (explanation|answer|apology)); credit .. (late|delay\w*|account|pounds?);
    (late|delay\w*) .. (credit|pounds|quid|tenner); (price|free) reduction; rather have the money;
    get (any|some)thing .. (back|off); knocked off; (haven't|not) (i |\w+ )?been paid;
    all (i|we) got( back)? was; take .. (charge|fee|cost|postage) .. off; signed off .?\d+;
    every penny; entitled to [£$€]?\d+; [£$€]\d+ (since|because|as|for) .. late;
    (cost|sum|amount|price|payment) .. (returned|repaid|back to my); (any|some)thing for (the|my|all
     the|this) (inconvenience|trouble|wait|delay|hassle); (\d+|ten|the) .?(pounds?|quid)? ?(for
    |because of) .. (late|delay)\w*; money (instead|please)
""")
CHARGED = says(r"""
    over-?(charg|pa(id|y))\w*; duplicates?; disput\w*; (the|this|your) charge (from|of|on|for|was);
    (double|extra|wrong|second|unknown|two|strange) charges?; a charge (of|from|for|on|in|that|i);
    charges? (on|to) my; \d\.\d\d charge; same amount; the same again; collected \S?\d+\.\d\d;
    (two|2) withdrawals; two (part )?payments; charged (me|us|my|twice|double|again|2x);
    (i|we|i've|we've|(i|we) (have|was|were|had|got|am)|card|account|being|getting|got|you|you've|you
     have|statement|wife)( \w+)?( been| was| got)?( double| wrongly)? (ch[ar]{2,3}ged|billed
    |debited)(?! (it|them|both|the|fully|up|overnight|all|my GOODS|for \d+ (hours?|min\w*)));
    (paid|payd|pay|paying|billed|debited|booked|taken|took|collected|deducted|withdrawn|went) ..
     (twice|two times|2x|2 times|double|(a )?second time); money .. (twice|again);
    (double|duplicate|twice) (payment|billing|billed|debit|invoice); billed me;
    (two|2|both|double|three) (\w+ )?(payments|debits|transactions|invoices);
    (gone|went) (out )?twice; (came|went|come) off my (account|card); (took|taken|withdrew|withdrawn
    |deducted|debited|gone) .. (from|out of|off) (my|our) (\w+ )?(account|card|bank|paypal|wallet);
    (took|taken|billed|deducted|debited) (me )?([£$€]\d\S*|\d+\.\d\d|\d+ (pounds|euros|quid));
    (nothing|not) .. (in|on|reached) (my|our) (\w+ )?(account|card|bank);
    (paid|pay) for .. (all|both) of (it|them)
""")
PAPERS = says(r"""
    in-?voices?; inv[oi]{1,3}ces?; pro-?forma; (copy of|send|need|get|want|download|find|e-?mail
    |missing|issue|for|is|where('s| is)|print) (me |us )?(an? |the |my |our )?(\w+ )?rec\w{0,3}pts?;
    on (my|the) receipt; rec\w{0,3}pts? (please|for|of); proof of (payment|transfer); billing;
    (the|your|my|our|this|an?|that) ((un)?paid |credit card )?bills?; bills? (is|was|has|made)
""")
CANCEL = says(r"""
    cancel(?! (the|my) (returns?|alarm|noise|pairing|delivery slot)); cancell?ing (my|the|this|an)
     (order|purchase); (?<!noise\s)cancell?ation; call off .. order; stop (my |the |this )?order
""")
# A price word in a question about parcels: what posting, returning or faster delivery costs.
POSTAGE = says(r"""
    pay .. (postage|return|returning|express|next-?day|(?<!on\s)delivery|shipping|faster); customs;
    (postage|return\w*) .. (free|pay|cost\w*|price); returning free; (delivery|shipping|postage)
     (costs?|charges?|price|fee|options?)
""")
PRICES = says(r"""
    discount\w*; vouchers?; coupons?; promo(tion)?s?; loyalty; gift ?cards?; prices?; priced;
    cheaper; \d+ ?(%|percent|per cent)( \w+)? off; money( off)?; fees?; vat; tax; surcharge;
    (credit|debit|bank) cards?; card (was|is|got|has|keeps|payment)( been| being)? (declined
    |rejected|refused|charged|expired|blocked); (?<!power\s)bank; master ?card; maestro; visa; amex;
    american express; paypal; klarna; (apple|google) pay; 3d secure; iban; direct debit; dunning;
    (card|my) statement; statement (shows?|says|lists|for); instal?lments?; deposit; transactions?;
    pay\w{0,2}m\w{0,3}ts?; check-?out(?! page); amount(?! of (time|noise|water|steam|heat|coffee
    |light|space)); subtotal; subscription; membership; renewal; total (was|of|went|price|is|paid);
    in total; credit; (how much|what|how|which card) (did|have|do|had|was) (i|we|you|the|my|order)
     .. (pay|paid|cost|use); (can|could|do|may|able to|like to|want to) (i|we)? ?(still )?pay;
    the sale; pay (by|with|in|via|later|on delivery); cash on delivery; (still )?owe; basket;
    on sale; paid (full|with|by); your sale; black friday; (percent|%) offer;
    free (delivery|shipping); outstanding (sum|balance); (the|of) [£$€]?\d+\.\d\d;
    don't recogni[sz]e this; card you
""")
RETURN = says(r"""
    return\w*(?! (to (the )?(home|start|main|login|factory)|an error)); retrun\w*;
    sen(d|t|ding) (\w+ ){0,6}back(?! to (me|us)); (needs?|has|have) to go back;
    (it|they|this)('s| is|'re| are) going back(?! to); (get|hand) (it|this|that|them|the \w+) (back
     )?to you; (bring|take|give|post|mail|ship)(ing)? (it|this|them|one|the \w+) back
""")
# It is not there: before the words of gadgets, since what did not come may be a Bluetooth mouse.
NOT_HERE = but_not(
    says(r"""
        (NOT|still|yet to)( \w+)? (arrived?|turn(ed)? up|show(n|ed) up|rec[ei]{1,2}ved?|delivered
        |come|got here|reached|shipped|dispatched)(?! (on|up|off|out|loose|back|in|with|a reply));
        (?<!step\s)(?<!sleep\s)(?<!gps\s)(?<!activity\s)tracking; your driver;
        the driver (?!for|of); where('s| is| are|s| on earth is)( my| our| the| her| his)?( \w+'s?)?
         PACK; missing (from|in); (cable|remote|parts?|screws?|one|lid) (is|are|was|were)( \w+)?
         missing; (NOT|nothing) (\w+ )?in the (box|parcel|package|bag|carton);
        (came|delivered|arrived) without; empty box; (box|parcel|package) (was|is) empty;
        forgot(ten)? .. (pack|include|put|remote|cable); only (received|got|sent|one of|two of
        |half); (received|got|sent) only; supposed to be an? .. (with|in);
        NOT( \w+)? got (it|anything|my PACK|the (order|parcel|delivery))(?! (to|working));
        waiting (ages |\w+ \w+ )?for my PACK; where (my|our|the) PACK; (order|parcel|package
        |delivery|shipment) .. (stuck|lost|late|delayed|missing|slow)
    """),
    says("code; notifications?; password; sms; text message"),
)
ON_ARRIVAL = says("CAME .. HURT; HURT .. CAME")
NOT_ORDERED = says(r"""
    (sent|got|rec[ei]{1,2}ved|delivered|came|is|in|it's) .. WRONG; WRONG (was|came|sent|arrived|in);
    (this|it)('s| is) the wrong \w+; NOT match (my|the|what); (what|the one) (i|we)( have|'ve)? (got
    |rec[ei]{1,2}ved) (is|isn't|was|wasn't); not as described; different (from|to|than) (the|what
    |your|my); not the (right|correct) \w+; mixed up .. orders?; (i|we) (asked for|wanted|chose
    |ordered) .. (this|it|mine)( one)?( is|'s); (sent|got|received) .. but (i|we)('d|'ve| had)?
     (bought|asked|paid|wanted); instead of .. (i|we) got; (i|we)('d| had)? paid for (the|an?) \w+
     one; (not|isn't|wasn't|aren't) (what|the (one|\w+)( that)?|the \w+ \w+) (i|we)('d|'ve| had|
     have)? (ordered|bought|wanted|chose|picked|paid for|asked for); should('ve| have) been (an?|the
    |black|white|red|blue|gr[ea]y|green); (i|we) ordered ((?!not|never|haven|hasn|didn|still
    |yet)[^!?]){0,50} (got|received|sent|came) (an?|the wrong|one|only);
    (got|received|sent|sent me) an? ((?!not|never|haven|hasn)[^!?]){0,40} (i|we)('d| had)? ordered
""")
MARKED = but_not(
    says(r"""
        (has|have|got|with|is|it's|there's|there is|are) (\w+ ){0,2}(crack|dent|scratch|chip|tear)(s
        |es)?; (looks?|is|was|seems?) (\w+ )?(used|second.?hand|pre-?owned|opened|refurbished);
        (is|are|was|were) ((?!not)\w+ ){0,4}(cracked|smashed|busted|banged up|shattered|dented
        |scratched|chipped|damaged|torn|ripped|bent|split(?! (in|into|over|across)))
    """),
    says("after (only |just |about )?SPAN; SPAN (old|later); i dropped; fell; dropped it"),
)
GADGETRY = says(r"""
    firmware; bl[ue]{1,2}t(oo|u)th(?! GOODS); wi-?fi(?! GOODS); pairing; paired;
    (to|NOT|i|can|re-?) pair; pair (it|them|these|this|the|my|two); sync\w*; reset(s|ting)?;
    factory settings; re-?boot\w*; restart\w*; freez\w*; froze\w*; flicker\w*; flash(es|ing);
    blink\w*; crackl\w*; buzz\w*; humm?(s|ing); rattl\w*; squeak\w*; beep\w*;
    (strange|weird|funny|terrible|loud|horrible|awful|odd|clicking|grinding|same) (noise|sound);
    crash(es|ed|ing)?; error (code|message|when|on|\w?\d+); err \d+; server error;
    (gives?|shows?|throws?|get|getting|displays?) .. error; log(ged|s|ging)? ?(me )?(in|on|out);
    sign(ing)? (me )?in; password; two-?factor; verification; drivers? (for|of|are|is|installed);
    install\w*; serial number; ip address; (internet|network|lost|losing|loses|drops) (the |its
     )?connection; push messages?; (?<!delivery\s)notifications; NOT (even )?(turn(s|ing)? (on|off
    |itself|any)|turn it|switch\w*|power\w* (on|up|off)|start up|boot\w*|charg(e|es|ing)(?! (me|us
    |my|for|the card))|connect\w*|heat\w*|boil\w*|spin\w*|grind\w*|light up|recogni[sz]e\w*
    |detect\w*|updat(e|ing)|record\w*|focus\w*|respond(s|ing)?|play(s|ing)?|load(s|ing)?|pick(ing)?
     up my|show(ing)? up (on|in)); keeps? (dropping|losing|turning|switching|stopping);
    disconnect\w*; cut(s|ting)? out; (phone|laptop|computer|tv|app|ipad|mac|pc|tablet) NOT (find|see
    |detect|recogni[sz]e|open|let); screen .. (black|blank|frozen|dark|dead|flicker\w*);
    touch ?screen; pixels?; no (sound|picture|internet|signal|power); usb; battery; batteries;
    volume; hdmi; (memory|sd|sim) card; app (is|keeps|crash\w*|NOT|asks|closes|freezes);
    (left|right|one) ear ?\w*; (left|right) cup; manual; user guide; (the|no) instructions;
    instruction (book\w*|video|manual); instructions for; set(ting)? ?up;
    set (my|the|it|this|them) (\w+ ){0,3}up; compatib\w*; works? (with|on) (my|an?|android|windows
    |iphone|mac|ios|the|any); waterproof; water resistant; voltage; plug(ged)? (it |the \w+ )?in;
    how .. (turn|switch|use|clean|descale|connect|adjust|wash|assemble|attach|charge|dim|mount
    |replace the|change the (time|language|battery|bulb|alarm|filter|password));
    (power|reset|volume|pairing|on/off|on|off) (button|switch|light|key);
    (red|green|blue|orange|purple|yellow|white) (\w+ )?(light|led); the update;
    (website|site|page) (NOT|gives|is down|down|crash\w*|keeps)
""")
ON_THE_ROAD = says(r"""
    track (my|it|the|order|an?|this); couriers?; carrier; post(man|woman|ie); royal mail; hermes;
    evri; dpd; dhl; ups; fedex; usps; yodel; depot; dis?patch\w*; despatch\w*; shipment\w*;
    shipping; delivery (address|date|slot|day|option|time|guy|driver|company|note); locker;
    pick-?up (point|shop); post ?code; [a-z]{1,2}\d{1,2}[a-z]? \d[a-z]{2}; post office; zip code;
    door ?step; letter ?box; porch; (left|handed|gave|given|delivered) .. neighbou?r\w*;
    (wrong|faulty|incorrect|old|bad|different|another|new|home|work) (delivery |shipping |postal
     )?address; wrong (house|street|flat|door|postcode|place|number); (moved|moving) (house|home
    |flat|out); new (flat|home); (change|update|correct|amend) .. add?res+\w*; re-?rout\w*;
    facility; (distribution|sorting|delivery) (center|centre|office|hub); addressed to; redirect\w*;
    (someone|somebody) else's; signed (for|by); estimated (delivery|arrival|date); lost in the post;
    stolen
""")
FAULT = says(r"""
    stop(ped|s|ping)? (\w+ )?work\w*; NOT (really |even |properly )?(work(s|ing)?|function\w*)(?!
     out| for me| like); (it|thing) (just )?stopped; malfunction\w*; brok(e|en)(?! (promise|word));
    faulty; defect\w*; (is|it's|now|gone|went|just) dead; died; kapu?tt?; jam(med|s); stuck;
    leak\w*; snapped; (came|come|coming|fell|fallen|popped) (off|loose|out|apart|undone); blurry;
    wobbl\w*; (is|are|too|very|really) (\w+ )?(loud|quiet|noisy|slow|weak|dim|loose); blown;
    seiz(es|ed|ing); nothing happens (when|if); drops out; (steps|tips) .. (same|nothing);
    does nothing; no effect; wrong time; by itself; on the blink; (packed|playing|acting) (in|up);
    (given|gave|giving) up; knackered; account (is|was) locked
""")
PARCEL = says(r"""
    parcels?; par[cs][el]{2}s?; pac?k[aei]{0,2}ges?; packets?; del[iv]{2,3}\w*; ship(s|ped)?;
    delayed; on (its|the) way; in transit; overdue; (will|when|still|ever) .. (arriv\w*|come|turn up
    |reach\w*|gets? here|be here|expect); gets? here; got lost; (went|gone) missing; (is|was) lost;
    late; eta; arriv\w*; (any|no) (news|update|word|sign|trace); news (on|about); update on;
    (order )?status of; order status; not here; waiting for (my|the|it); waiting .. order;
    half (of )?my order; pick (it|them|the \w+) up; (?<!to\s)(?<!t\s)pick up (it|the|from|at);
    nobody (came|has delivered); (takes?|taking) (so|too) long; how long (does|will|do) .. take;
    how (quickly|soon|fast) (can|will|could); how much longer; send (it|them|the|order|my|me);
    being prepared; (going on|happening|happened) (with|to) .. order; order (has|have) got to;
    (is|will|when|has|when's) (it|that|this|my \w+)('s)? (be |is )?(coming|come|due)(?! (on|off|up
    |out|apart|loose|with)); due (on|date|today|last|yesterday); wheres?('s)? it( at)?;
    where('s| is) (it|order|#?\d+); chas(e|ing); sent (out|yet); (it|order|parcel) gone out;
    (vanish|disappear)ed; (flat|house|door|street) (number|name); my street; safe place;
    (check|checking) on; whereabouts; hold (back|on to|my (order|parcel)); haven't heard; become of;
    where (has|have) (my|her|his|our|the) (order|parcel|package); where (my|her|his|our|the) order;
    give back (my|the|it|this|a); click and collect; nothing (has )?(yet|so far|arrived|come|since);
    still nothing; address .. (typo|mistake|wrong|incorrect|missing|changed?);
    (typo|mistake) .. address; my address; (sent|delivered|shipped|posted) to;
    sen[td] .. (previous|old|wrong|different|another|other) (house|place|flat);
    (bring|come) .. (earlier|later|sooner|faster|tomorrow); away (from|until); be here; next-?day;
    (post|leave|drop) (it|these|them); back order; make it (in time|by|to); in time for;
    by (mon|tues|wednes|thurs|fri|satur|sun)day; one box; never got it; on hold
""")
# Words that a text with one of the topics above may have in passing, so they come last.
OF_MONEY = says(r"""
    paid; pay; penn(y|ies); [£$€]\d+\S*; \d+ ?(pounds?|euros?|quid|eur|gbp|usd); expensive; debt;
    (five|ten|twenty|fifty|hundred) (pounds|euros|quid); how much (is|was|does|for|did); cost;
    card (number|details); reserved on; pre-?auth\w*; (per|each) month; finance; for free
""")
OF_GADGETS = says(r"""
    turn(s|ed|ing)? (on|off|itself); switch(es|ed|ing)? (on|off|itself); power(s|ed)? (on|off|up);
    shut(s|ting)? (itself|down|off); goes (off|blank|dead|dim|dark); lag(s|ging|gy); static; pops;
    distort\w*; muffled; tinny; hiss\w*; whirr\w*; scrap(es|ing); smell\w*; rust\w*; limescale;
    descal\w*; filter; charg(e|es|ing|ed); adapt(er|or); sockets?; fuse; leds?; lights? up; lens;
    screen; display; buttons?; sensor; zoom; focus; shutter; photos?(?! attached);
    pictures?(?! attached); video; mic; indicator; microphone; audio; bass; strap; clasp; buckle;
    zip; hinge; handle; spout; blades?; burrs?; hopper; beans; motor; heart rate; gps; alarm;
    time ?zone; timer; schedule; settings?; ssid; ethernet; modem; guest network; version; software;
    linux; ios; alexa; siri; google home; hub; locked out; blank; sign up; register; spinning wheel;
    wizard; step counter; offline; remote control; voice assistant; maximum; a fault; wattage;
    language; (does|do|will|can|could|should|is|are|may) (the|this|it|they|these|your|its) (GOODS
     )?(have|support|use|need|hold|measure|run|be (used|washed)|work|get wet|made|come with
    |suitable); how (do|can|could|should|to)( i| we| you)? (\w+ ){1,3}(it|GOODS|workouts?);
    how (loud|big|heavy|high|fast|many) .. GOODS
""")
OF_PARCELS = says(r"""
    warehouse; collect(ion|ed)?( .. order| of)?; (in|on) the box; carton; express(?! (how|my));
    on holiday; abroad; overseas; boxes; processing; sending; combine; labels?; sign for
""")
# Words of no topic of their own, but enough to ask the learned tier what the text is about.
TOPIC = re.compile(
    says(r"""
        GOODS; debit\w*; card; code; total; sum; \d+\.\d\d; \d+ ?%; withdraw\w*; transfer\w*; box;
        \w+box; van; driver; post\w*; track\w*; address\w*; sen[dt]; came; come; coming; stuff;
        days?; weeks?; months?; cable; plug\w*; app; keys?; light\w*; sound\w*; noise; mode; menu;
        website; site; page; phone; laptop; computer; pc; windows; android; turns?; switch\w*;
        water\w*; lid; parts?; cup; mug; glass\w*; gift; wet; size; small; big; large; e-?mail;
        account; login; network; error; wi-?fi; buy; bought; sale; controls?; counter; update\w*;
        remote; model; power; receive\w*; touch\w*; vibrat\w*; cold; colou?r; waiting; longer;
        ordered; got (it|to); troubleshoot\w*; connects?; tried; form; invalid; street; flat;
        leave it; drop; work in; how (do|can|to) i; off; hear\w*; signal
    """),
    re.IGNORECASE,
)


def names_nothing_of_the_shop(text: str) -> bool:
    """Tell whether no word is of wares, money or parcels: small talk, or too vague to act on."""
    return TOPIC.search(text) is None


RULES: tuple[tuple[str | Callable[[str], bool], str], ...] = (
    # Out of every desk's reach whatever else is asked: "my lawyer says you owe me a refund".
    (LEGAL, "person"),
    (DATA, "person"),
    (PRESS, "person"),
    (JOBS, "person"),
    (TRADE, "person"),
    (STAFF, "person"),
    (ELSEWHERE, "person"),
    (CHAT, "person"),
    (ACCOUNT_EMAIL, "person"),
    (DANGER, "technical"),
    (both(NO_REFUND, SEND_ANOTHER), "shipping"),
    (both(NO_REFUND, REPAIR), "technical"),
    (OPEN_RETURN, "shipping"),
    (LATE_CREDIT, "shipping"),
    # Money that is asked for decides, whatever became of the parcel or the product.
    (REFUND, "billing"),
    (CHARGED, "billing"),
    (PAPERS, "billing"),
    (CANCEL, "person"),
    (REPAIR, "technical"),
    (POSTAGE, "shipping"),
    (PRICES, "billing"),
    # A damaged or wrong item is refunded, unless another one or the way back is asked for.
    (both(SEND_ANOTHER, ON_ARRIVAL), "shipping"),
    (both(SEND_ANOTHER, NOT_ORDERED), "shipping"),
    (RETURN, "shipping"),
    (ON_ARRIVAL, "billing"),
    (NOT_HERE, "shipping"),
    (NOT_ORDERED, "billing"),
    (GADGETRY, "technical"),
    (ON_THE_ROAD, "shipping"),
    (FAULT, "technical"),
    (SEND_ANOTHER, "shipping"),
    (MARKED, "billing"),
    (PARCEL, "shipping"),
    (TALK, "person"),
    (OF_MONEY, "billing"),
    (OF_GADGETS, "technical"),
    (OF_PARCELS, "shipping"),
    (names_nothing_of_the_shop, "person"),
)
"""(condition, route), in order; the first condition that holds decides."""
