"""The written rules of the front door: which desk reads a message, by the words it asks with.

First come the matters that no desk may touch, whatever else the message is about. Then each rule
stands before those that its words would also set off: a refund of a lost parcel is about money, a
damaged parcel to be sent again about the parcel. Texts that no rule knows go to the learned tier.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from .phrases import both, but_not, says

AT_LEAST = 0.35
"""Under this probability the learned tier abstains and a person reads the message."""

# Out of every desk's reach, so before all topics: "my lawyer says you owe me a refund".
LEGAL = says(r"""
    lawyers?; solicitors?; attorneys?; barrister; law ?firm; law ?suit; litigation; my counsel;
    legal (action|proceedings|claim|steps|contact|advice|notice|route|representative|counsel);
    legal (department|team)(?! (has|have|already|approved|agreed)); (in|claims|county|crown) court;
    to court(?! (road|lane|street|house)); sue you; (will|to|gonna|i'll) sue; suing; arbitration;
    trading standards; ombudsman; consumer protection; (from|with) the police
""")
DATA = says(r"""
    gdpr; data (protection|subject|request|privacy); subject access; personal (data|information);
    (delete|erase|remove|wipe|forget|close|deactivate|destroy|purge)
     .. (my|her|his|our|all|the) (\w+ )?(account|data|details|profile|information|review);
    (my|her|his|our|all) (\w+ )?(account|data|details|profile) .. (deleted|erased|removed|wiped);
    (data|information|info|everything) .. you (have|hold|store|keep|collect); cookies you;
    (stop|quit) (storing|sharing|selling); sold my; unsubscribe; mailing list; consent;
    (stop|never|no more) .. (newsletters?|marketing|spam|adverts); off .. your lists?;
    privacy (policy|officer|rights?|law); (husband|wife|mother|father|mum|mom|dad|he|she)( has)?
     (died|passed away)
""")
PRESS = says(r"""
    journalists?; reporters?; press (office|officer|enquir\w+|inquir\w+|requests?|contact|team
    |department|release|kit|statement); newspaper; magazine; (our|my) podcast; documentary;
    media (enquir\w+|inquir\w+|requests?|contact|kit|relations); (tv|radio) (station|programme
    |show|crew); (for|from|at|with) the (bbc|guardian|telegraph|daily \w+); influencers?;
    bloggers?; you ?tubers?; followers; interview (you|your|some\w+|the); comment on; for comment;
    story (we|on you|about you)
""")
JOBS = says(r"""
    vacanc(y|ies); (my|a|the) cv; my r[eé]sum[eé]; intern(s|ships?); apprentice\w*; salary;
    recruit\w*; hiring; careers?; open positions?; job (offer|openings?|applica\w+|interview|advert
    |opportunit\w+); (for|about) a job; any jobs?; (part-time|summer|student|weekend|christmas)
     (jobs?|work); jobs? (at|with|available); to work (for|with|at) (you|your); work for you;
    working (for|at) your; my application; application for; openings for; vacant; (role|position) (as|in|of); employment; former employee
""")
TRADE = says(r"""
    wholesale\w*; bulk; resell\w*; (a|an|are|as) (\w+ ){0,2}(retailers?|distributors?|charity);
    trade (terms|prices?|account|fair|union|customer|discount); partnership; partner (with|up);
    affiliate; sponsor\w*; donat(e|ions?|ing); raffle; franchise; collaborat\w+; procurement;
    (?<!your\s)co-?operation; purchasing department; supplier; corporate (gifts?|clients?|orders?);
    company gifts; framework agreement; stockists?; business (partner\w*|proposal|opportunity);
    offer you our; our (services|products) to you; buy shares; stock exchange; invest in; sell your (products|GOODS);
    [1-9]\d{1,2} (units|pieces); (order|buy|purchase|need|want|after) (about )?[1-9]\d{1,2}
     (of )?(your )?GOODS
""")
STAFF = says(r"""
    rude(ly|ness)?; insult\w*; swore; sworn at; shout(ed|ing) at; yell(ed|ing); racist; sexist;
    discriminat\w+; harass\w*; humiliat\w+; disrespectful\w*; creepy; dismissive; laughed at;
    made fun of; hung up on; accused me; grabbed; grievance; unprofessional; abusive; impolite;
    threatened (me|us|my); (bad|awful|terrible) attitude; report (him|her|them);
    complain\w* .. (staff|employees?|driver|agent|colleague|manager|assistant|guard|cashier);
    your (staff|employees?) .. (ignored|terrible|awful|treated)
""")
ELSEWHERE = but_not(
    says(r"""
        my SHOP (order|item|parcel|package|account|delivery|bill|purchase|refund|contract);
        (bought|ordered|purchased|order|got|parcel|package|seller|tv|phone) .. (from|at|on) SHOP;
        (does|can|will) SHOP; SHOP says; (internet|phone|mobile|broadband|telephone)
         (provider|company) (has|raised|cut|charged|won't); bank's app; the fedex office;
        (bill|contract|account) (with|from) SHOP; my (electricity|gas|phone|energy) bill
    """),
    says("cheaper; price ?match; refund\\w*; money back"),
)
CHAT = says(r"""
    (tell|know|hear) .. jokes?; write .. (poem|essay|story|song|script|code); homework; recipe for;
    what .. weather; (football|rugby) (team|club); capital of; system prompt; pretend (to be|you);
    think (about|of) (the|manchester); opening (hours|times); open on (sundays?|christmas|easter);
    phishing; nominate; (are|is) you (a|an) (bot|robot|human|person|machine|ai); your ceo (go|study);
    (what's|what is) your (name|job|age); how('s| is| was) your day; (has|have|with) your company
""")
ACCOUNT_EMAIL = but_not(
    says(r"""
        (change|update|amend|correct|replace|switch|edit) (\S+ ){0,4}e-?mail(?! (me|you|us));
        new e-?mail( address)?; e-?mail( address)? (of|on|in|for) (my|the|this) (\w+ )?(account
        |profile|login); e-?mail( address)? has changed; login e-?mail;
        [\w.+-]{1,40}@[\w.-]{1,40} (for my account|from now on|instead);
        (change|update|correct) .. (name|phone number|username) (of|on|in|for) my account
    """),
    says("NOT (change|update|save|let|work\\w*); button; invoices?; receipts?; error"),
)

# Nobody should wait for money, or for a tip to unplug it, while something burns.
DANGER = says(r"""
    smok(e|es|ing|ed|y); spark(s|ed|ing)?; burn(s|t|ed|ing)?; smells? of .. (plastic|rubber|gas);
    (on|catch(es)?|caught) fire; flames; over-?heat\w*; electric(al)? shock; electrocuted;
    shock (from|when|off); (got|gave me|gives me|get) an? (\w+ )?shock; swollen; swell(ed|ing|s)?;
    bulg(ing|es|ed); explo(ded?|des|ding|sion); melt(s|ed|ing)?; dangerous; hazard\w*; toxic;
    unsafe; safe (to (use|leave|keep|touch|plug|charge|run|have|let|continue|carry|drink)|for (my
     )?(kids|children|babies|pets|the)); a (loud )?bang; trip(s|ped) the; scald(ed|ing);
    (gets?|getting|got|becomes?|became|runs?|running|goes|is|too|so|very|burning|boiling)
     (really |very |so |too |extremely |quite |dangerously )?hot; short.circuit\w*
""")

# What the customer does not want must not decide: "I don't want a refund, send it again".
NO_REFUND = says(r"""
    (don't|do not|not|never) (want|need|asking for|after|looking for) (a |the |my |any )?(refund
    |money); (not|instead of|rather than|no) (a |the |my )?(refund|money)(?! (has|was|yet|received|on|after|from|back yet)); (don't|do not) refund;
    no refund(,| please| needed| wanted)
""")
SEND_ANOTHER = says(r"""
    replac(e|es|ed|ements?|ing); exchang(e|ed|ing); swap(ped|ping)?; ship it anew;
    re-?(send|sent|ship|shipped|deliver|delivered|dispatch|dispatched);
    (send|sent|ship|post|deliver|get|dispatch|bring) .. (again|once more|anew|another|new one
    |(right|correct|missing) (one|\w+)|out quickly);
    another (one|lamp|kettle|camera|speaker|\w+) (on|sent|posted|please|be);
    (like|want|need) another \w+; (like|want|need|have|get|send) (me |us )?(a|five|two|the) (new|other|second|missing|right|correct) \w+;
    (second|new|right|undamaged) (one|GOODS) (is |be )?(sent|shipped|posted|please);
    (ship|send|post) just; undamaged one; i'd like (a new|complete)
""")
REPAIR = says(r"""
    warr?ant\w*; warrent\w*; garant\w*; guarentee; (?<!price[\s-])(?<!back\s)(?<!you\s)guarantees?
    (?! (that|it|delivery|me|next)); repair\w*; mend(ed|ing)?; (is|it|that|this|they|are|damage)
     (still )?covered; covered by; recall(ed)?; technicians?; spare \w+; schematics;
    (get|be|is it|have it) fixed
""")
OPEN_RETURN = says(r"""
    (send|need|get|want|have|e-?mail|mail|print\w*|lost|new|fresh|bigger|a|your|my|the|another)
     (me |us )?(a |the |another )?(returns?|postage|prepaid) (shipping )?(label|slip);
    (open|start|arrange|set up|request|initiate|begin|register|book|organi[sz]e) (a|the|my) return;
    returns? (portal|form|page|process|policy); how .. (return|send) .. back;
    how (do|can|should|would|could|to) (i |we )?return
""")
REFUND = says(r"""
    re-?fu?n?d(s|ed|ing|able)?; refudn; refound; reimburs\w*; money('s| is)? (back|returned);
    (the|my) (money|cash); charge-?backs?; compensat\w*; good-?will; cash-?back; credit note;
    (give|pay|paid|transfer|want|need|get|got) (me |us |the |all |only |my ){0,3}\S?\d\S*
     (\w+ )?back; (pay|paid|paying) (me |us |it |this )?back; how much .. get back; give it back;
    repa(y|id|yment); (return|pay|give) .. (payment|price|amount); (return|reverse) .. payment;
    am owed; owed? me; credit .. (late|delay\w*|account|pounds?); (late|delay\w*) .. credit;
    (price|free) reduction; rather have the money; get (any|some)thing .. (back|off); knocked off; (haven't|not) (i |\w+ )?been paid;
    all (i|we) got( back)? was; take .. (charge|fee|cost|postage) .. off; pay-?out; transfer it; signed off; purchase price; pay me;
    (cost|sum|amount|price|payment) .. (returned|repaid|back to my); (late|delay\w*) .. (pounds|quid|tenner);
    (10|ten|the) .?(pounds?|quid|tenner)? ?(for|because of) .. (late|delay)\w*;
    (something|anything) for (the|my|all the|this) (inconvenience|trouble|wait|delay|hassle)
""")
CHARGED = says(r"""
    over-?(charg|pa(id|y))\w*; duplicates?; (the|this|your) charge (from|of|on|for|was|is); disput\w*; (nothing|not) .. (in|on|reached) (my|our) (\w+ )?(account|card|bank); (double|extra|wrong|duplicate|second|unknown|two|strange) charges?( of| from)?;
    a charge (of|from|for|on|in|that|i); charges? (on|to) my;
    (i|we|i've|we've|i have|we have|me|was|been|card|account|statement|getting|you|you've)
     (was |were |been |got |be )?(\w+ )?(charged|billed|debited)(?! (it|them|both|the|fully|up
    |overnight|all|for \d+ (hours?|min\w*))); charged (me|us|my|twice|double|again);
    (paid|pay|paying|billed|charged|debited|booked|taken|took|collected|deducted|withdrawn)
     .. (twice|two times|2x|2 times|double|(a )?second time); money .. (twice|again);
    (double|duplicate|twice) (payment|billing|billed|debit|invoice);
    (two|2|both|double|three) (\w+ )?(payments|debits|transactions|invoices|bills); same amount;
    (took|taken|withdrew|withdrawn|deducted|debited|gone) .. (from|out of|off) (my|our)
     (\w+ )?(account|card|bank|paypal|wallet); (took|taken|billed|deducted) (me )?[£$€]?\d+(\.\d+)?;
    (paid|pay) for .. (all|both) of (it|them)
""")
PAPERS = says(r"""
    in-?voices?; pro-?forma; (copy of|send|need|get|want|download|find|e-?mail|missing|issue|for|is
    |where('s| is)|print) (me |us )?(a |an |the |my |our )?(\w+ )?receipts?; on (my|the) receipt;
    receipts? (please|for|of); proof of (payment|transfer); billing;
    (the|your|my|our|this|an?|that) ((un)?paid |credit card )?bills?; bills? (is|was|has|made)
""")
CANCEL = says(r"""
    cancel(?! (the|my) (returns?|alarm|noise|pairing|delivery slot)); cancell?ing (my|the|this|an)
     (order|purchase); (?<!noise\s)cancell?ation; call off .. order;
    stop (my|the|this) order; stop order
""")
# A price word in a question about parcels: what posting, returning or faster delivery costs.
POSTAGE = says(r"""
    pay .. (postage|return|returning|express|next-?day|(?<!on\s)delivery|shipping|faster); customs;
    (postage|return\w*) .. (free|pay|cost\w*|price); returning free;
    (delivery|shipping|postage) (costs?|charges?|price|fee|options?)
""")
PRICES = says(r"""
    discount\w*; vouchers?; coupons?; promo(tion)?s?; loyalty; gift ?cards?; prices?; priced;
    cheaper; \d+ ?(%|percent|per cent)( \w+)? off; money off; fees?; vat; tax; surcharge; dunning;
    (credit|debit|bank) cards?; card (was|is|got|has|keeps|payment)( been| being)? (declined
    |rejected|refused|charged|expired|blocked); my visa; visa; master ?card; maestro; amex;
    american express; paypal; klarna; (apple|google) pay; 3d secure; iban; direct debit;
    (?<!power\s)bank; (card|bank|my) statement; statement (shows?|says|lists); instal?lments?;
    deposit; transactions?; payments?; check-?out(?! page); amount; subtotal;
    subscription; membership; renewal; total (was|of|went|price|is); in total; money; credit;
    (how much|what|how|which card) (did|have|do|had) (i|we|you|the) .. (pay|paid|cost|use);
    (can|could|do|may|able to|like to|want to) (i|we)? ?(still )?pay; pay (by|with|in|via|later);
    (still )?owe; basket; paid (full|with|by|\d+); your sale; black friday; free (delivery
    |shipping); cash on delivery; pay on delivery; outstanding (sum|balance); (the|of) [£$€]?\d+\.\d\d
""")
RETURN = says(r"""
    return\w*; retrun\w*; sen(d|t|ding) (\w+ ){0,6}back(?! to (me|us)); go(es|ing)? back(?! to); (get|hand) .. to you;
    (bring|take|give|post|mail|ship)(ing)? (it|this|them|one|the \w+) back
""")
NOT_HERE = but_not(
    says(r"""
        (NOT|still|yet to)( \w+)? (arrived?|turn(ed)? up|show(n|ed)? up|received?|delivered|come
        |reci?ei?ved?|got here|reached|shipped|dispatched)(?! (on|up|off|out|loose|back|a reply));
        where('s| is| are|s| on earth is)( my| our| the| her| his)?( \w+'s?)? (order|parcel|package|delivery
        |stuff|GOODS); missing (from|in); (?<!step\s)(?<!sleep\s)(?<!gps\s)(?<!activity\s)tracking; (cable|remote|parts?|screws?|manual|one|lid) (is|are|was
        |were)( \w+)? missing; (NOT|nothing) (\w+ )?in the (box|parcel|package|bag|carton);
        (came|delivered|arrived) without; (box|parcel|package|it) (was|is) empty; empty box;
        forgot(ten)? .. (pack|include|put|remote|cable); (received|got|sent) only;
        only (received|got|sent|one of|two of|half); supposed to be an? .. (with|in);
        NOT( \w+)? got (it|my|the|any|anything)(?! (to|working)); waiting (ages |\w+ \w+ )?for my GOODS;
        where (my|our|the) (order|parcel|package|GOODS)
    """),
    says("code; e-?mails?; notifications?; password; sms; text message"),
)
ON_ARRIVAL = says("CAME .. HURT; HURT .. CAME")
NOT_ORDERED = says(r"""
    (sent|got|received|recieved|delivered|came|is|in|it's) .. WRONG; WRONG (was|came|sent|arrived|in);
    (this|it)('s| is) the wrong \w+; NOT match (my|the|what); not as described; 
    (i|we) (asked for|wanted|chose|ordered) .. (this|it|mine)( one)?( is|'s);
    not the (right|correct) \w+; (sent|got|received) .. but (i|we)('d|'ve| had)? (bought|asked|paid|wanted); instead of .. (i|we) got; (i|we)('d| had)? paid for (the|an?) \w+ one;
    (not|isn't|wasn't) (what|the (one|\w+)( that)?) (i|we)('d| had)? (ordered|bought|wanted|chose);
    (i|we) ordered ((?!not|never|n't|haven|still|yet)[^!?]){0,50} (got|received|sent|came) (an?|the
     wrong|one|only); (got|received|sent me) an? ((?!not|never|n't)[^!?]){0,40} (i|we)('d| had)?
     ordered
""")
MARKED = but_not(
    says(r"""
        (has|have|got|with|is|'s|there's|there is|are) (a |\w+ ){0,2}(crack|dent|scratch|chip|tear)(s|es)?;
        (looks?|is|was|seems?) (\w+ )?(used|second.?hand|pre-?owned|opened|refurbished);
        (is|are|was|were) (\w+ )?(cracked|smashed|shattered|dented|scratched|chipped|damaged|torn|ripped|bent)
    """),
    says("after (only |just |about )?SPAN; SPAN (old|later); i dropped; fell; dropped it"),
)
GADGETRY = says(r"""
    firmware; bluetooth(?! GOODS); wi-?fi(?! GOODS); pairing; paired; (to|NOT|i|can|re-?) pair;
    sync\w*; reset(s|ting)?; factory settings; re-?boot\w*; restart\w*; freez\w*; froze\w*;
    flicker\w*; flash(es|ing); blink\w*; crackl\w*; buzz\w*; humm?(s|ing); rattl\w*; squeak\w*;
    beep\w*; (strange|weird|funny|terrible|loud|horrible|awful|odd|clicking|grinding|same) (noise
    |sound); crash(es|ed|ing)?; error (code|message|when|\w?\d+); err \d+; server error; error on;
    (gives?|shows?|throws?|get|getting|displays?) .. error; log(ged|s|ging)? ?(me )?(in|on|out);
    sign(ing)? (me )?in; password; two-?factor; verification; drivers? (for|of|are|is|installed);
    install\w*; serial number; ip address; (internet|network|lost|losing|loses|drops) (the )?(its
     )?connection; push (messages?|notifications?); notifications;
    NOT (even )?(turn(s|ing)? (on|off|itself|any)|turn it|switch\w*|power\w* (on|up|off)|start up
    |boot\w*|charg(e|es|ing)(?! (me|us|my|for|the card))|connect\w*|heat\w*|boil\w*|spin\w*
    |grind\w*|light up|recogni[sz]e\w*|detect\w*|updat(e|ing)|record\w*|focus\w*|respond(s|ing)?
    |play(s|ing)?|load(s|ing)?); keeps? (dropping|losing|turning|switching|disconnect\w*|stopping);
    disconnect\w*; cut(s|ting)? out; (phone|laptop|computer|tv|app|ipad|mac|pc|tablet) NOT (find|see
    |detect|recogni[sz]e|open|let); screen .. (black|blank|frozen|dark|dead|flicker\w*);
    touch ?screen; pixels?; no (sound|picture|internet|signal|power); battery; batteries; volume;
    usb; hdmi; memory card; sd card; app (is|keeps|crash\w*|NOT|asks|closes|freezes);
    (left|right|one) (ear ?\w*|cup|side); manual; user guide; instruction (book\w*|video|manual);
    the instructions; setting (it |up)up?; set ?up; set (my|the|it|this|them) (\w+ ){0,3}up;
    compatib\w*; works? (with|on) (my|a|an|android|windows|iphone|mac|ios|the|any); waterproof;
    water resistant; voltage; plug(ged)? (it |the \w+ )?in; how .. (turn|switch|use|clean|descale
    |connect|adjust|wash|assemble|attach|charge|dim|mount|replace the|change the (time|language
    |battery|bulb|alarm|filter|password)); (power|reset|volume|pairing|on/off|on|off) (button|switch
    |light|key); (red|green|blue|orange|purple|yellow|white) (\w+ )?(light|led); the update;
    (website|site|page) (NOT|gives|is down|crash\w*|keeps)
""")
ON_THE_ROAD = says(r"""
    track(ing|s|ed)?( (my|it|the|order|a|number|link|page))?; couriers?; carrier; post(man|woman|ie);
    royal mail; hermes; evri; dpd; dhl; ups; fedex; usps; yodel; depot; dis?patch\w*; despatch\w*;
    shipment\w*; delivery (address|date|slot|day|option|time|guy|driver|company|note); shipping;
    locker; pick-?up (point|shop); post ?code; post office; zip code; door ?step; letter ?box; porch;
    (your|the) driver; (left|handed|gave|given|delivered) .. neighbou?r\w*; (wrong|faulty|incorrect|old|bad|different|another) (delivery |shipping |postal )?address;
    wrong (house|street|door|postcode|place|number); (moved|moving) (house|home|flat|on|out|to|at);
    new (address|flat|home); (change|update|correct|amend) .. address; addressed to; redirect\w*;
    (someone|somebody) else's; signed (for|by); estimated; lost in the post; old address; stolen
""")
FAULT = says(r"""
    stop(ped|s|ping)? (\w+ )?work\w*; NOT (really |even |properly )?(work(s|ing)?|function\w*)
    (?! out| for me| like); (it|thing) (just )?stopped; malfunction\w*; brok(e|en); faulty;
    defect\w*; (is|it's|now|gone|went|just) dead; died; kaput; jam(med|s); stuck; leak\w*; snapped;
    (came|come|coming|fell|fallen|popped) (off|loose|out|apart); blurry; wobbl\w*; worn out;
    (is|are|too|very|really) (\w+ )?(loud|quiet|noisy|slow|weak|dim); blown; seiz(es|ed|ing);
    nothing happens (when|if); does nothing; no effect; wrong time; by itself; on the blink;
    (packed|playing|acting) (in|up); (given|gave|giving) up; knackered; kaputt; account (is|was|has been) (locked|blocked); is loose
""")
PARCEL = says(r"""
    parcels?; parcle; pac?kages?; packets?; packge; deli?v\w*; ship(s|ped|ping|ment)?; delayed;
    on (its|the) way; in transit; overdue; (will|when|still|ever) .. (arriv\w*|come|turn up|reach\w*
    |get here|be here|expect); got lost; (went|gone) missing; (is|was) (lost|late); late; eta;
    arriv\w*; (any )?(news|update|word) (on|about|of|for|regarding); (order )?status( of)?; not here;
    waiting for (my|the|it); waiting .. order; (in|on) the box; carton; half (of )?my order;
    pick (it|them|the \w+) up; (?<!to\s)(?<!t\s)pick up (it|the|my (order|parcel|package)|from|at); no sign of; nobody (came|has delivered);
    (takes?|taking) (so|too) long; how long (does|will|do) .. take; collect(ion|ed)?( .. order| of)?; send (it|them|the|order|my|me);
    being prepared; processing; warehouse; going on with .. order; happening (with|to) .. order;
    (any )?(sign|trace) of; (it|they|that)('s|'ll| will| is| are)? (be )?(coming|come|due) (today
    |tomorrow|on|this|soon|yet|by|now)?; due (on|date|today|last|yesterday); wheres?('s)? it( at)?;
    where('s| is) (order|#?\d+); chas(e|ing); sent (out|yet); gone out; (vanished|disappeared);
    (flat|house|door|street) (number|name); safe place; abroad; (check|checking) on; whereabouts; hold (back|on to|my|the); haven't heard; overseas; click and collect;
    express; sign for; nothing (has )?(yet|so far|arrived|come|since); order .. (still )?nothing;
    address .. (typo|mistake|wrong|incorrect|missing|changed?); (typo|mistake) .. address;
    (sent|delivered|shipped|posted|going|go) to (my|our|a|another|the);
    sen(t|d) .. (previous|old|wrong|different|another|other) (address|house|place|flat);
    (deliver\w*|bring|come) .. (earlier|later|sooner|faster|tomorrow); on holiday; away (from|until); be here; next-?day; (post|leave|drop) (it|these|them);
    back order; labels?; make it (in time|by|to); in time for; by (mon|tues|wednes|thurs|fri|satur
    |sun)day; combine; one box; boxes
""")
# Words that a text has only in passing where one of the rules above has read it already.
WEAK_MONEY = says(r"""
    paid; pay; penny; pennies; [£$€]\d+\S*; \d+ ?(pounds?|euros?|quid|eur|gbp|usd); expensive; debt;
    (five|ten|twenty|fifty|hundred) (pounds|euros|quid); how much (is|was|does|for|did); cost;
    card (number|details); reserved on; pre-?auth\w*; (per|each) month; finance; for free
""")
PARTS = says(r"""
    turn(s|ed|ing)? (on|off|itself); switch(es|ed|ing)? (on|off|itself); power(s|ed)? (on|off|up);
    shut(s|ting)? (itself|down|off); goes (off|blank|dead|dim|dark); lag(s|ging|gy); static; pops;
    distort\w*; muffled; tinny; hiss\w*; whirr\w*; scrap(es|ing); smell\w*; rust\w*; limescale;
    descal\w*; filter; charg(e|es|ing|ed); adapt(er|or); sockets?; fuse; leds?; lights? up; indicator;
    screen; display; buttons?; sensor; lens; zoom; focus; shutter; photos?; pictures?; video; mic;
    microphone; audio; bass; strap; clasp; buckle; zip; hinge; handle; spout; blades?; burrs?;
    hopper; beans; motor; heart rate; gps; alarm; time ?zone; timer; schedule; settings?; ssid;
    ethernet; modem; guest network; version; software; linux; ios; alexa; siri; google home; hub;
    locked out; blank; sign up; register; spinning wheel; wizard; step counter; device offline; (does|do|will|can|could|should|is|are|may) (the|this|it|they|these|your|its) (GOODS )?(have
    |support|use|need|hold|measure|run|be (used|washed)|work|get wet|made|come with|safe|suitable);
    how (do|can|could|should|to)( i| we| you)? (\w+ ){1,3}(it|GOODS|workouts?|time|language); fault;
    how (loud|big|heavy|high|fast|many) .. GOODS; maximum; remote control; voice assistant
""")
# With nothing of a topic in the text, someone who wants a person, or only to say something.
TALK = says(r"""
    (speak|talk|chat|put .. through|passed) (to|with) .. (person|human|people|agent|someone
    |somebody|manager|supervisor|advis[eo]r|representative|operator|management|in charge);
    (real|actual|live) (person|human|agent); (call|phone|ring) (me|us)( back| up)?; complaint;
    in charge; wanted to say; wonderful; well done; great (service|job); typo; my last (e?mail
    |message); marketplace; your shop of; in the news
""")
TOPIC = re.compile(
    says(r"""
        GOODS; re?fund\w*; money; pa(y|id|ys)\w*; charg\w*; bill\w*; pric\w*; cost\w*; card; bank;
        tax; vat; code; credit\w*; debit\w*; amount; total; sum; \d+ ?(eur|euros?|pounds?|quid|%);
        [£$€]\d+.*; \d+\.\d\d; parcel\w*; pa[ck]+age\w*; packet\w*; box(es)?; \w+box; locker; drop;
        deliver\w*; ship\w*; courier; driver; van; post\w*; track\w*; address; arriv\w*; return\w*;
        label; sen[dt]\w*; came; come; collect\w*; late; days?; weeks?; months?; stuff; repair\w*;
        broke\w*; batter\w*; cable; plug\w*; screen; display; app; button\w*; keys?; light\w*; leave
         it; sound\w*; noise; sensor; mode; menu; setting\w*; software; website; site; page; phone;
        laptop; computer; pc; windows; android; usb; turn; switch\w*; connect\w*; water\w*; lens;
        lid; strap; buckle; zip; handle; hinge; motor; parts?; cup; glass\w*; gift; wet; size; small;
        big; large; e-?mail; account; login; network; fault; error; wi-?fi; buy; bought; sale;
        setup; wizard; counter; coming; going on with; checking on; hold; how (do|can|to) i; receipts?; invoices?; transfer\w*; over-?pa\w*; waiting; longer; ordered;
        got (it|to); work in; going back; go back; wet; wash\w*; cable; adapter; nothing yet; still nothing; street; flat; where('s| is|s);
        sign; turns; covered; form; invalid; parsel; cups?; beans?; stops?; start(s|ed)?; steps?; assistant; update\w*; controls?; remote; model; power;
        receive\w*; touch\w*; \w+screen; vibrat\w*; hot; cold; mug; vase; red; blue; colou?r
    """),
    re.IGNORECASE,
)


def names_nothing_of_the_shop(text: str) -> bool:
    """No word of wares, money or parcels: small talk, or too vague to act on."""
    return TOPIC.search(text) is None


RULES: tuple[tuple[str | Callable[[str], bool], str], ...] = (
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
    (REFUND, "billing"),
    (CHARGED, "billing"),
    (PAPERS, "billing"),
    (CANCEL, "person"),
    (REPAIR, "technical"),
    (POSTAGE, "shipping"),
    (PRICES, "billing"),
    (both(SEND_ANOTHER, ON_ARRIVAL), "shipping"),
    (both(SEND_ANOTHER, NOT_ORDERED), "shipping"),
    (RETURN, "shipping"),
    (NOT_HERE, "shipping"),
    (GADGETRY, "technical"),
    (ON_ARRIVAL, "billing"),
    (NOT_ORDERED, "billing"),
    (ON_THE_ROAD, "shipping"),
    (FAULT, "technical"),
    (SEND_ANOTHER, "shipping"),
    (MARKED, "billing"),
    (PARCEL, "shipping"),
    (TALK, "person"),
    (WEAK_MONEY, "billing"),
    (PARTS, "technical"),
    (names_nothing_of_the_shop, "person"),
)
"""(condition, route), in order; the first condition that holds decides."""
