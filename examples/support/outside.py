"""Match what no desk of the shop may touch, in customers' words: a person reads these."""

from __future__ import annotations

from .phrases import but_not, says

LEGAL = says(r"""
    lawyers?; solicitors?; attorneys?; barrister; law ?firm; law ?suit; litigation; my counsel;
    legal (action|proceedings|claim|steps|contact|advi[cs]er?|notice|route|representative|counsel);
    legal (department|team)(?! (has|have|already|approved|agreed)); (in|claims|county|crown) court;
    to court(?! (road|lane|street|house)); court proceedings; sue you; (will|to|gonna|i'll) sue;
    suing; arbitration; trading standards; ombudsman; consumer protection;
    (i'm|i am|we are) (from|with) the police
""")
DATA = says(r"""
    gdpr; data (protection|subject|request|privacy); subject access; personal (data|information);
    (delete|erase|remove|wipe|close|deactivate|destroy|purge) ((?!from)\w+ ){0,4}(acc?ount|data|my
     details|profile|information|review); what data; (data|information|info) .. you (hold|store|keep
    |collect|have (on|about|of) (me|us)); (my|our|his|her) (data|details|profile|account)( \w+)?
     (deleted|erased|removed|wiped); keep my (data|details); cookies you; consent;
    off .. your lists?; (stop|quit) (storing|sharing|selling); sold my; unsubscribe; mailing list;
    from your database; (stop|never|no more) .. (newsletters?|marketing|spam|adverts);
    privacy (policy|officer|rights?); (husband|wife|mother|father|mum|mom|dad|he|she)( has)? (died
    |passed away)
""")
PRESS = says(r"""
    journalists?; reporters?; press (office|officer|enquir\w+|inquir\w+|requests?|contact|team
    |department|release|question|statement); newspaper; magazine; (our|my) podcast; documentary;
    media (enquir\w+|inquir\w+|requests?|contact|kit|relations); (tv|radio) (station|programme|show
    |crew); (for|from|at|with) the (bbc|guardian|telegraph|daily \w+); channel 4; influencers?;
    bloggers?; you ?tubers?; followers; interview (you|your|some\w+|the); comment on; for comment;
    (story|article) (we|on you|about)
""")
JOBS = says(r"""
    vacanc(y|ies); vacant; (my|a|the) cv; my r[eé]sum[eé]; intern(s|ships?); apprentice\w*; salary;
    recruit\w*; hiring; careers?; open positions?; (openings|application) for; work experience;
    job (offer|openings?|applica\w+|interview|advert|opportunit\w+); (apply|looking|applied) for a
     job; a job (at|with|in your); like a job; get a job; any jobs?; jobs? (at|with|available);
    (part-time|summer|student|weekend|christmas) (jobs?|work); to work (for|with|at) (you|your);
    work for you; join your team; employment; former employee; position of (\w+ )?(manager|clerk
    |driver|assistant); looking for (drivers|staff); any work (going|available|for);
    my application (from|was|as)
""")
TRADE = says(r"""
    wholesale\w*; bulk; resell\w*; (a|an|are|as) (\w+ ){0,2}(retailers?|distributors?|charity);
    trade (terms|prices?|account|fair|show|union|customer|discounts?); to the trade; partnership;
    partner (with|up); affiliate; sponsor\w*; donat(e|ions?|ing); raffle; franchise; collaborat\w+;
    (?<!your\s)co-?operation; procurement; purchasing department; supplier; supply you; stockists?;
    (company|corporate) (gifts?|clients?|orders?); framework agreement; buy (shares|your company);
    business (partner\w*|proposal|opportunity|idea); offer you our; advertise (our|with|on your|in
     your); stock exchange; our (services|products) to you; invest in; sell your (products|GOODS);
    stock your; [1-9]\d{1,2} (units|pieces); (order|buy|purchase|need|want|after|interested in|quote
     for) (about )?[1-9]\d{1,2} (of )?(your )?GOODS
""")
STAFF = says(r"""
    rude(ly|ness)?; insulted; swore; sworn at; insulting; shout(ed|ing) at; yell(ed|ing); racist;
    sexist; discriminat\w+; harass\w*; humiliat\w+; disrespectful\w*; creepy; dismissive;
    unfriendly; laughed at; made fun of; hung up on; accused me; grabbed (me|my|him|her); grievance;
    impolite; unprofessional; abusive; (bad|awful|terrible) attitude; threatened (me|us|my);
    report (him|her|them|an employee); (report|complain\w*) .. (staff|employees?|driver|agents?
    |colleague|manager|assistant|guard|cashier); (your (staff|employees?)|assistant) .. (ignored
    |terrible|treated); called (me|my \w+) (an? (name|liar|thief|fool|idiot)|names|stupid|\w+ names)
""")
ELSEWHERE = but_not(
    says(r"""
        my SHOP (order|item|parcel|package|account|delivery|bill|purchase|refund|contract);
        (bought|ordered|purchased|order|got|parcel|package|seller|tv|phone|laptop|machine|fridge) ..
         (from|at|on) SHOP; (does|can|will) SHOP; SHOP (says|have cut);
        (internet|phone|mobile|broadband|telephone) (provider|company) (has|raised|cut|charged
        |won't); bank's app; the fedex office; (bill|contract|account) (with|from) SHOP;
        my (electricity|gas|phone|energy) bill
    """),
    says(r"cheaper; price ?match; re?fund\w*; money back; return\w*; cancel\w*; instead"),
)
CHAT = says(r"""
    tell (me|us) an? (\w+ )?(joke|story); know (any|a) (good )?jokes?; write (me |us )?an? (\w+
     )?(poem|essay|story|song|script); homework; recipe for; what('s| is) the weather;
    (football|rugby) (team|club); capital of; system prompt; pretend (to be|you); what do you think;
    opening (hours|times); exchange rate; open on (sundays?|christmas|easter); phishing; nominate;
    (are|is) (you|this) an? (bot|robot|human|machine|ai); (what's|what is) your (name|job|age);
    how('s| is| was) your day; tax return for me; do you have an? (shop|store|branch)
""")
ACCOUNT_EMAIL = but_not(
    says(r"""
        (change|update|amend|switch|edit|register) ((?!me|us|by|via|to|and)\S+ ){0,4}e-?mail;
        change of e-?mail; (have|got|use|add|set) (a |my |the )?new e-?mail;
        e-?mail( address)? (of|on|in|for) (my|the|this) (\w+ )?(account|profile|login);
        login e-?mail; old e-?mail; account .. new e-?mail; e-?mail( address)? (has )?changed;
        [\w.+-]{1,40}@[\w.-]{1,40} (for my account|from now on); (change|update|correct) .. ((name
        |phone number|username) (of|on|in|for) my account|username)
    """),
    says(r"NOT (change|update|save|let|work\w*); button; invoices?; receipts?; error"),
)
# With nothing of a topic in the text: someone who wants a person, or only to say something.
TALK = says(r"""
    (speak|talk|chat|put .. through|passed) (to|with) .. (person|human|people|agent|someone|somebody
    |manager|supervisor|advis[eo]r|representative|operator|management|in charge);
    (real|actual|live) (person|human|agent); (call|phone|ring) (me|us)( back| up)?; complaint;
    in charge; wanted to say; wonderful; well done; great (service|job); typo;
    my last (e?mail|message); marketplace; in the news; your fault
""")
