"""The written rules of the front door: which desk reads a message, by the words it asks with.

First come the matters that no desk may touch, whatever else the message is about. Then each rule
stands before those that its words would also set off: a refund of a lost parcel is about money, a
damaged parcel to be sent again about the parcel. Texts that no rule knows go to the learned tier.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from .phrases import both, but_not, says

AT_LEAST = 0.5
"""Under this probability the learned tier abstains and a person reads the message."""

NOT = (
    r"(?:won't|wouldn't|doesn't|does not|do not|don't|didn't|did not|can't|cannot|can not"
    r"|couldn't|could not|isn't|is not|aren't|wasn't|hasn't|will not|not|never|no longer"
    r"|fails? to|failed to|refuses to|unable to|stopped|stops|keeps)"
)
SOLD = (
    r"(?:kettles?|lamps?|bulbs?|speakers?|headphones?|earphones?|ear ?buds?|headset|(?:web)?camera"
    r"|webcam|router|watch(?:es)?|keyboards?|mouse|grinder|coffee \w+|backpacks?|bags?|radio"
    r"|toaster|charger|printer|product|item|thing|device)"
)
TIME = r"(?:\d+|an?|one|two|three|four|five|six|few|several|some) (?:\w+ )?(?:day|week|month|year)s?"

# Out of every desk's reach, so before all topics: "my lawyer says you owe me a refund".
LEGAL = says(
    "lawyers?", "solicitors?", "attorneys?", "barrister", "law ?firm", "law ?suit", "litigation",
    r"legal (?:action|proceedings|claim|steps|department(?! (?:has|have|approved|agreed))|contact"
    "|advice|notice|team(?! (?:has|have|approved|agreed))|route|representative|counsel)",
    "legally .. (?:you|against)", "(?:my|our) counsel", "(?:in|to|claims|county|crown) court",
    "sue you", "(?:will|to|gonna|going to|i'll) sue", "suing", "trading standards", "ombudsman",
    "consumer (?:protection|rights (?:agency|body|organi[sz]ation))", "arbitration", "police",
)  # fmt: skip
DATA = says(
    "gdpr", "data (?:protection|subject|request|privacy)", "subject access", "personal data",
    "(?:delete|erase|remove|wipe|forget|close|deactivate|destroy|purge)"
    r" .. (?:my|her|his|our|all|the) (?:\w+ )?(?:account|data|details|profile|information)",
    r"(?:my|her|his|our|all|the) (?:\w+ )?(?:account|data|details|profile|information)"
    " .. (?:deleted|erased|removed|wiped|closed)",
    "(?:data|information|info|everything) .. you (?:have|hold|store|keep|collect)",
    "(?:stop|quit) (?:storing|sharing|selling)", "sold my", "unsubscribe", "mailing list",
    "(?:stop|never) .. (?:newsletters?|marketing|spam|adverts)", "consent", "cookies you",
    "off .. your lists?", "privacy",
)  # fmt: skip
PRESS = says(
    "journalists?", "reporters?", r"press (?:office|officer|enquir\w+|inquir\w+|request|requests"
    "|contact|team|department|release|kit|statement)", "newspaper", "magazine", "podcast",
    "documentary", r"media (?:enquir\w+|inquir\w+|request|contact|kit|relations)", "bbc", "itv",
    "(?:tv|radio) (?:station|programme|show|crew)", "influencers?", "bloggers?", "you ?tubers?",
    "followers", r"(?:to )?interview (?:you|your|some\w+|the)", "for comment", "a comment on",
    "running a story", "story we", "my thesis", "my dissertation",
)  # fmt: skip
JOBS = says(
    "vacanc(?:y|ies)", "(?:my|a|the|your) (?:cv|r[eé]sum[eé])", "intern(?:s|ship|ships)",
    r"apprentice\w*", "salary", r"recruit\w*", "hiring", "careers?", "open positions?",
    r"job (?:offer|opening|openings|application|interview|advert|ad|opportunit\w+)",
    "(?:a|any|your|part-time|summer|student|weekend) jobs?(?! of)", "jobs (?:at|with|available)",
    "(?:like|love|want|apply|applied|available|apply) to work (?:for|with|at) (?:you|your)",
    "working (?:for|at) your (?:company|shop|store|firm)", "work for (?:you|your)",
    "part-time work", "job applicant", "my application", "employment", "former employee",
)  # fmt: skip
TRADE = says(
    r"wholesale\w*", "bulk", r"resell\w*", "retailers?", "distributors?", "trade (?:terms|price|"
    "prices|account|fair|union|customer|discount)", "partnership", "partner (?:with|up)",
    "affiliate", r"sponsor\w*", "donat(?:e|ion|ions|ing)", "charity", "raffle", "franchise",
    r"collaborat\w+", "cooperation", "procurement", "purchasing department", "supplier",
    "corporate (?:gifts?|clients?|orders?)", "company gifts", "framework agreement", "stockists?",
    r"business (?:partner\w*|proposal|opportunity|enquiry|cooperation)", "offer you our",
    "our (?:services|products) to you", r"[1-9]\d{1,2} (?:units|pieces)", "buy shares", "invest in",
    rf"(?:order|buy|purchase|need|want|after|quote .. for) [1-9]\d{{1,2}} (?:of )?(?:your )?{SOLD}",
)  # fmt: skip
STAFF = says(
    "rude(?:ly|ness)?", r"insult\w*", "swore", "sworn at", "shout(?:ed|ing) at", "yelled", "racist",
    "sexist", r"discriminat\w+", r"harass\w*", r"humiliat\w+", "disrespectful", "creepy",
    "dismissive", "laughed at", "made fun of", "hung up on", "accused me", "grabbed", "grievance",
    "unprofessional", "abusive", "threatened (?:me|us|my)", "impolite", "(?:bad|awful) attitude",
    r"complain\w* .. (?:staff|employees?|driver|agent|colleague|manager|assistant|guard|courier)",
    "report (?:him|her|them)", "your (?:staff|employees?) .. (?:ignored|bad|terrible|treated)",
    "(?:security|cashier|guard) .. (?:followed|searched|touched|stole|stopped)",
)  # fmt: skip
OTHER_SHOPS = (
    "(?:amazon|e-?bay|zalando|media ?markt|curry'?s|argos|john lewis|tesco|asos|ikea|aliexpress"
    "|temu|etsy|walmart|target|best ?buy|otto|netflix|spotify|vodafone|boots|another shop"
    "|another store|another company|another website|different (?:shop|store|company|retailer))"
)
ELSEWHERE = but_not(
    says(
        rf"(?:from|at|on|my|does|by|with|your) {OTHER_SHOPS}", f"{OTHER_SHOPS} says",
        "(?:internet|phone|mobile|broadband) (?:provider|company) (?:has|raised|cut|charged|won't)",
        "telephone company", "bank's app", "the fedex office", "sister hotel",
    ),
    says("cheaper", r"price ?match\w*", "less (?:at|on|in)", r"refund\w*", "money back", "paid you"),
)  # fmt: skip
CHAT = says(
    "jokes?", "poem", "homework", "essay", "weather", "football", "election", "world cup",
    "petrol station", "restaurants?", "capital of", "(?:who|what|how old) (?:are|is) you",
    "what(?:'s| is) your (?:name|opinion)", "are you (?:a|an|real|human)", "system prompt",
    "do you love", "how are you", "(?:your|how's the|how is your) day", "pretend",
    "python", "who won", "who will win", "think (?:about|of) (?:the|manchester)", "recipe",
    "opening (?:hours|times)", "open on (?:sundays?|christmas|easter)", "happy new year",
    "merry christmas", "nominate", "phishing", "shop of the year", "spare change",
)  # fmt: skip
EMAIL_OF_ACCOUNT = but_not(
    says(
        "(?:change|update|amend|correct|replace|switch|edit) .. e-?mail",
        "new e-?mail(?: address)?(?! from)", "e-?mail(?: address)? (?:of|on|in|for) my",
        "e-?mail(?: address)? has changed", "login e-?mail", "old e-?mail",
        "(?:change|update|correct) .. (?:name|phone number|username) (?:of|on|in|for) my account",
    ),
    says(rf"{NOT} (?:change|update|save|let|work\w*)", "button", "invoices?", "receipts?", "error"),
)  # fmt: skip

# Nobody should wait for a refund, or a bot's tips, while something burns.
DANGER = says(
    "smok(?:e|es|ing|ed|y)", "spark(?:s|ed|ing)?", "burn(?:s|t|ed|ing)?(?! (?:a hole|through))",
    r"smells? of .. (?:plastic|rubber|gas|burn\w*)", "caught fire", "(?:on|catch) fire", "flames",
    r"over-?heat\w*", "electric(?:al)? shock", "electrocuted", "(?:a|nasty) shock (?:from|when|off)",
    r"(?:got|gave me|gives me|get) (?:a|an) (?:\w+ )?shock", "swollen", r"swell\w*", "bulging",
    r"explod\w*", "explosion", "melt(?:s|ed|ing)?", "(?:is|it) .{0,12}safe (?:to|for|if|when)",
    "(?:gets?|getting|got|becomes?|became|runs?|running|goes|too|so|very|extremely|burning) "
    "(?:really |very |so |too |extremely |quite |dangerously )?hot", "dangerous", "hazard",
    "toxic", "loud bang", "a bang", "trip(?:s|ped) the", "scalded", r"tingl\w+", "short circuit",
)  # fmt: skip

# What the customer does not want must not decide: "I don't want a refund, send it again".
NO_REFUND = says(
    "(?:don't|do not|not|never) (?:want|need|asking for|after|looking for|interested in)"
    " (?:a |the |my |any )?(?:refund|money|voucher)",
    "(?:not|instead of|rather than) (?:a |the |my )?(?:refund|money)", "(?:don't|do not) refund",
    "no refund(?:,| please| needed| wanted)",
)
REPLACEMENT = says(
    "replac(?:e|es|ed|ement|ements|ing)(?! the (?:board|battery|bulb))", "exchang(?:e|ed|ing)",
    "swap(?:ped|ping)?", r"re-?(?:send|sent|ship|shipped|deliver|dispatch)\w*", "ship it anew",
    "(?:send|sent|ship|post|deliver|get|dispatch) .. (?:again|once more|anew|another|(?:a )?new one"
    r"|the right one|the correct one|the missing \w+|instead|out quickly)",
    "(?:a|an|the) (?:new|another|right|correct|second) (?:one|lamp|kettle|camera|speaker|item)"
    " (?:sent|shipped|posted|delivered|please)", "(?:like|want|need|have|get) (?:a|five|two) new",
    "another (?:one|lamp|kettle|camera|speaker|hopper|parcel|copy) (?:on|sent|posted|please|be)",
    "second (?:camera|parcel|one|lamp|kettle) (?:is |be )?(?:sent|shipped)",
    "ship a (?:second|new)", "send (?:me )?(?:a|the|it|just a) (?:new|other|second|missing|right)",
    "(?:ship|send|post) just", "an undamaged one", "i'd like a new one", "one that (?:works|isn't)",
)  # fmt: skip
REPAIR = says(
    r"warrant\w*", "warr?ant(?:y|ie)", "waranty", "garantee", "guarant[ey]e?",
    r"(?<!price\s)(?<!back\s)(?<!you\s)guarantees?(?! (?:that|it|delivery|me|next))",
    r"repair\w*(?! the)", "mend(?:ed|ing)?", "(?:is|it|that|this|they|are|damage) covered",
    "covered by", "recall(?:ed)?", "technicians?", "spare parts?", "schematics",
    "(?:get|be|is it|have it) fixed",
)  # fmt: skip
RETURN_LABEL = says(
    r"(?:send|need|get|want|have|e-?mail|mail|print\w*|lost|new|fresh|bigger|a|your|my|the) "
    "(?:me )?(?:a |the |another )?(?:return|returns|postage|prepaid) (?:shipping )?(?:label|slip)",
    "(?:open|start|arrange|set up|request|initiate|begin|register|book) (?:a|the|my) return",
    "return (?:portal|form|page|process|policy)", "returns (?:policy|page|portal|form|process)",
    "how (?:do|can|should|would|could) (?:i|we) (?:return|send) .. (?:back)?",
)

REFUND = says(
    "re-?fu?n?d(?:s|ed|ing|able)?", "refudn", r"reimburs\w*", "money(?:'s| is)? (?:back|returned)",
    "(?:the|my) (?:money|cash)", "charge-?backs?", r"compensat\w*", "good-?will", "cash-?back",
    "credit note", "(?:give|pay|paid|paying|transfer|want|need|get|got|getting|have|credit|send)"
    r" (?:me |us |it |the |all |only |my |\d+ |.?\d[\d.,]* ){1,4}"
    r"(?:\w+ )?back(?! (?:to you|in|on|from))", "repa(?:y|id|yment)",
    "(?:pay|return|give) .. (?:payments?|purchase price|price|amount) ?(?:back)?", "owed?s? me",
    "i am owed", "am owed", r"credit .. (?:late|delay\w*|account|pounds?|card)",
    r"(?:late|delay\w*) .. credit", "(?:price|free) reduction", "rather have the money",
    "money (?:instead|in return)", "refunds?", "full (?:amount|price) back", "purchase price",
    r"pay (?:me|us) (?:the )?(?:.?\d+|back|for)",
)  # fmt: skip
CHARGED = says(
    r"over-?charg\w*", "(?:double|extra|wrong|duplicate|second|unknown|two|strange) charges?",
    "(?:i|we|i've|we've|i have|we have|me|was|been|card|account|statement|getting|you|you've)"
    r" (?:was |were |been |got |be )?(?:\w+ )?(?:charged|billed|debited)"
    r"(?! (?:it|them|both|the|fully|overnight|all|up|for \d+ (?:hours?|min\w*)))",
    "charged (?:me|us|my|twice|double|again|for .. that)", r"charges? (?:of|on|from) .. (?:\d|my)",
    "(?:paid|pay|paying|billed|charged|debited|booked|taken|took|collected|deducted|withdrawn)"
    " .. (?:twice|two times|2x|2 times|double|a second time|second time|again|once more)"
    "(?! (?:and it|but it))", "(?:double|duplicate|twice) (?:payment|billing|billed|debit|invoice)",
    r"(?:two|2|both|double|three) (?:\w+ )?(?:payments|debits|transactions|invoices|bills)",
    "same amount", "(?:took|taken|withdrew|withdrawn|deducted|debited|gone) .. (?:from|out of|off)"
    r" (?:my|our) (?:\w+ )?(?:account|card|bank|paypal|wallet)", "pending amount",
    r"(?:took|taken|billed|charged|deducted|still took) (?:me )?[£$€]?\d+(?:\.\d\d)?",
)  # fmt: skip
PAPERS = says(
    "(?:in-?voices?|credit notes?|proforma|pro forma)", "(?:vat|tax) (?:receipt|number|rate|return)",
    "(?:copy of|send|need|get|want|download|find|e-?mail|missing|issue|where(?:'s| is)|for|is)"
    r" (?:me |us )?(?:a |an |the |my |our )?(?:\w+ )?receipts?", "on my receipt",
    r"receipt (?:for|of) (?:order|my|the|#?\d+)", "proof of payment", "billing",
    "(?:the|your|my|our|this|a|that) (?:unpaid )?bills?", "bills? (?:is|was|has|made)",
)
PRICES = says(
    r"discount\w*", "vouchers?", "coupons?", "promo(?:tion)? ?codes?", "promotion", "loyalty",
    "gift ?cards?", "prices?", "priced", "cheaper", "price ?match", "off .. (?:first|next) order",
    r"\d+ ?(?:%|percent|per cent) .. off", "fees?", "vat", "tax", "surcharge", "dunning",
    "(?:credit|debit|bank) cards?", "card (?:payment|was|is|got|has|keeps)(?: been| being)?"
    " ?(?:declined|rejected|refused|charged|expired|blocked)?", "visa", "master ?card", "maestro",
    "amex", "american express", "paypal", "klarna", "apple pay", "google pay", "3d secure", "iban",
    "direct debit", "bank (?:transfer|account|statement|details)", "my bank", "statement",
    "instal?lments?", "deposit", "transactions?", "payments?", "check-?out", "amount", "subtotal",
    "outstanding sum", "subscription", "membership", "renewal", "total (?:was|of|went|price|is)",
    "(?:how much|what|how|which card) (?:did|have|do|had) (?:i|we|you) .. (?:pay|paid|cost|use)",
    "(?:can|could|do|may|how can|able to|like to|want to) (?:i|we)? ?(?:still )?pay",
    "pay (?:by|with|in|via|later|for it|on)", "still owe", "basket", "paid (?:full|with|by)",
    "(?:your|the) sale", "black friday", "in total", "free delivery", "money off",
)  # fmt: skip
ASKS_POSTAGE = says(
    "pay .. (?:postage|return|returning|express|next-?day|delivery|shipping|faster)",
    r"(?:postage|return\w*) .. (?:free|pay|cost\w*|price)", "returning free", "customs",
    "(?:delivery|shipping|postage) (?:cost|costs|charge|charges|price|fee|options?)",
)  # fmt: skip
CANCEL = says(
    r"(?<!noise\s)(?<!noise-)cancel(?! (?:the|my) (?:return|alarm|noise|pairing|delivery slot))",
    "cancel(?:l)?ing (?:my|the|this|an) (?:order|purchase)", "cancellation", "call off .. order",
)
RETURN = says(
    r"(?:send|sending|ship|post|mail|bring|take|give|get) (?:\w+ ){1,5}back(?: to you)?(?! to (?:me|us))",
    "(?:send|sending) back", "sent back by me", "(?:to|like to|can i|i|we|and|could i|may i) return"
    "(?! to sender)", r"return(?:ing)? (?:it|this|them|these|one|the|my|an?|some\w*|\w+) (?:item"
    "|order|lamp|kettle|watch|speaker)?", "returns?(?: period| parcel| address| window)?",
    "returning", "(?:my|the|a|two) returns?", "exchange or return", "returned (?:the|it|my)",
)  # fmt: skip
WRONG = (
    "(?:wrong|incorrect|different|another) (?:item|product|colou?r|size|model|thing|one|article"
    f"|version|{SOLD})"
)
HURT = (
    "(?:broken?|cracked|smashed|shattered|dented|scratched|scuffed|chipped|bent|torn|ripped|damaged"
    "|in (?:pieces|bits|shards|two)|to (?:pieces|bits)|shards|crushed|squashed|snapped|bashed"
    r"|a (?:\w+ )?(?:crack|dent|scratch|chip|hole|tear)|split)"
)
CAME = (
    "(?:arriv(?:ed|es|al)|came|come|turned up|delivered|delivery|received|recieved|got here|showed"
    r" up|unpack\w*|unbox\w*|(?:opened|in) the (?:box|package|parcel)|out of the box|in transit"
    "|from transport|new|yesterday|today)"
)
DAMAGED = says(
    f"{CAME} .. {HURT}", f"{HURT} .. {CAME}", r"(?:has|got|with|is|'s|there's) a (?:\w+ )?"
    "(?:crack|dent|scratch|chip|tear)(?:s|ed)?", "doa",
)
NOT_ORDERED = says(
    f"(?:sent|got|received|recieved|delivered|came|is|in) .. {WRONG}", f"{WRONG} (?:was|came|sent|"
    "arrived|delivered)", r"(?:not|isn't|wasn't) (?:what|the one|the \w+) (?:i|we)(?:'d| had)? "
    "(?:ordered|bought|wanted|chose)", "(?:i|we) ordered .. (?:got|received|came|sent)",
    "(?:got|received|sent|came) .. (?:i|we)(?:'d| had)? ordered", "(?:is|are|was)(?: clearly)? used",
)
USED_FOR = says(f"after (?:only |just |about )?{TIME}", f"{TIME} (?:old|ago|later)", "dropped")

PARCEL_TROUBLE = says(
    "tracking", "track (?:my|it|the|order|a)", r"courier\w*", "carrier", "post(?:man|woman|ie)",
    "royal mail", "hermes", "evri", "dpd", "dhl", "ups", "fedex", "usps", "yodel", "depot",
    "customs", r"dispatch\w*", r"despatch\w*", r"shipment\w*", "delivery (?:address|date|slot|day"
    "|option|time|guy|driver|company|note)", "shipping", "parcel locker", "pick-?up (?:point|shop)",
    "post ?code", "post office", "zip code", "door ?step", "letter ?box", "porch", "your driver",
    "the driver (?:never|claims|didn't|left|said)", "(?:left|handed|gave|given|delivered) .. "
    r"neighbou?r\w*", "(?:address|street|house) (?:number )?(?:is|was) wrong", "wrong (?:address|"
    "house|street|door|postcode|place|number)", "(?:moved|moving) (?:house|home|flat|on|out|to)",
    "new (?:address|flat|home)", "(?:change|update|correct|amend) .. address", "lost in the post",
    "addressed to", "(?:someone|somebody) else's", "signed (?:for|by)", r"redirect\w*",
    "where(?:'s| is| are|s| on earth is) (?:my|our|the|her|his|order)(?! (?:serial|manual|button"
    "|switch|reset|setting|sim|menu))", "estimated", "(?:is|are|was|were|'s) missing (?:from|in)",
)  # fmt: skip
PARCEL = says(
    "parcels?", "pac?kages?", "packets?", "packge", "parcle", r"deliver\w*", r"del[ie]v\w*",
    "ship(?:s|ped|ping|ment)?", "on its way", "on the way", "in transit", "overdue", "delayed",
    "(?:hasn't|not|never|didn't|haven't|has not|did not|yet to|will it|will|when|still|ever)"
    r" .. (?:arriv\w*|come|came|turn(?:ed)? up|show(?:ed|n)? up|reach\w*|get here|received?|"
    "recei?ved?|reci?eved?)", "got lost", "went missing", "gone missing", "(?:is|was) (?:lost|late)",
    "late", "eta", r"arriv\w*", "(?:any )?(?:news|update|word) (?:on|about|of|for|regarding)",
    "status of", "order status", "(?:missing|absent) (?:from|in)", "forgot .. (?:box|pack)",
    "not here", "still waiting .. (?:order|for my|for the)", "waiting for (?:my|the|it)",
    "in the box", "the box (?:was|is)", "carton", "pick (?:it|them|up|the)", "collect .. order",
    "send (?:it|them|the|order|my)", "where is", "wheres", "being prepared", "processing",
    "warehouse", "be here", "next-?day", "courrier", "post (?:it|these|this|them)", "back order",
)  # fmt: skip

GADGETRY = says(
    "firmware", rf"bluetooth(?! {SOLD})", rf"wi-?fi(?! {SOLD})", "pairing", "paired",
    f"(?:to|{NOT}|i|can|re-?) pair", r"sync\w*", "reset(?:s|ting)?", "factory settings",
    r"re-?boot\w*", r"restart\w*", r"fro?e?ez\w*", "frozen", r"flicker\w*", "flash(?:es|ing)",
    r"blink\w*", r"crackl\w*", r"buzz\w*", "humm?(?:s|ing)", r"rattl\w*", r"squeak\w*", r"beep\w*",
    "(?:grinding|strange|weird|funny|terrible|loud|horrible|awful|odd|clicking|same) (?:noise|sound)",
    "crash(?:es|ed|ing)?", r"error (?:code|message|\w?\d+)", r"err \d+", "(?:an|gives) error",
    "log(?:ged|s|ging)? ?(?:in|on|out|me out)(?! e-?mail)", "sign(?:ing)? in", "password",
    "two-?factor", "drivers? (?:for|of|are|is|installed)", r"install\w*", "serial number",
    rf"{NOT} (?:even )?(?:turn(?:s|ing)? (?:on|off|itself|any)|turn it|switch\w*|power\w* (?:on|up|"
    rf"off)|start(?:s|ing)? up|boot\w*|charg(?:e|es|ing)(?! (?:me|us|my|for|the card))|connect\w*"
    rf"|disconnect\w*|heat\w*|boil\w*|spin\w*|grind\w*|light up|recogni[sz]e\w*|detect\w*"
    rf"|updat(?:e|ing)|record\w*|focus\w*|respond(?:s|ing) to|los(?:e|ing) .. (?:connection|signal)"
    f"|drop(?:s|ping)|turning (?:on|off))", "(?:drops|loses) .. connection", r"disconnect\w*",
    "cut(?:s|ting)? out", "(?:phone|laptop|computer|tv|app|ipad|mac|pc|tablet|bluetooth|wifi)"
    f" {NOT} (?:find|see|detect|recogni[sz]e)", "screen (?:is|has|stays|goes|went|of .. stays)"
    " .{0,8}(?:black|blank|frozen|dark|white|dead|gone)", "touch ?screen", "pixels?", "no sound",
    "no picture", "no (?:internet|signal|power)", "battery", "batteries", "volume", "usb", "hdmi",
    r"app (?:is|keeps|crash\w*|won't|doesn't|can't|asks|never|closes|freezes)",
    r"(?:left|right|one) (?:ear ?\w*|side|cup)", "manual", "user guide", r"(?<!your\s)(?<!previous\s)"
    r"(?<!these\s)(?<!delivery\s)instructions? (?:for|are|book\w*|video|say)", "set(?:ting)? ?(?:it )?"
    "up", "set (?:up )?(?:my|the|it|this) .. up", r"compatib\w*", "works? with (?:my|a|an|android|"
    "windows|iphone|mac|the)", "waterproof", "water resistant", "voltage", "plug (?:it |the .. )?in",
    "(?:phone|tablet|tv|mac|pc|iphone|android|windows) (?:won't|can't|doesn't)", r"disassembl\w*",
    "how (?:do|can|should|would|to) (?:i |we |you )?(?:turn|switch|use|clean|descale|connect|adjust"
    "|change the (?:time|language|battery|bulb|alarm|filter)|wash|assemble|attach|charge|dim|mount)",
    "(?:power|reset|volume|pairing|on/off|on|off) (?:button|switch|light|key)", "updated? (?:the|my|it)",
    "(?:red|green|blue|orange|purple|yellow|white) (?:light|led)", "(?:the|its) light",
)  # fmt: skip
FAULT = says(
    r"stop(?:ped|s|ping)? (?:\w+ )?(?:work\w*|charging|responding|turning|playing|heating|"
    "connecting)", rf"{NOT} (?:really |even |properly )?(?:work(?:s|ing)?|function\w*)"
    "(?! out| for me| like)", "(?:the|it|thing) (?:just )?stopped", r"malfunction\w*",
    "brok(?:e|en)", "faulty", r"defect\w*", "(?:is|it's|now|gone|went|just) dead", "died", "kaput",
    "jammed", "stuck", r"leak\w*", "snapped", "(?:came|come|coming|fell|fallen|popped) (?:off|loose"
    "|out|apart)", "blurry", r"wobbl\w*", "worn out", "(?:is|too|very|really) (?:loud|quiet|noisy|"
    "slow|weak|dim)", "blown", "seiz(?:es|ed|ing)", "nothing happens", "does nothing", "no effect",
    "wrong (?:time|date)", "rusty?", "switches itself", "by itself", "wonky", "on the blink",
    "packed (?:in|up)", "playing up", "acting up", "conked out", "given up the ghost",
)  # fmt: skip

HUMAN = says(
    "(?:speak|talk|chat|put .. through) (?:to|with) .. (?:person|human|people|agent|someone|"
    "somebody|manager|supervisor|advisor|adviser|representative|operator|management|in charge)",
    "(?:real|actual|live) (?:person|human|agent)", "(?:call|phone|ring) (?:me|us)(?: back| up)?",
    "not a (?:machine|chat ?bot|bot)", "someone in charge", "complaint",
)
TOPIC = re.compile(
    says(
        SOLD, r"(?:re)?fund\w*", "money", r"pa(?:y|id|ys|yment|ypal)\w*", r"charg\w*", r"bill\w*",
        r"price\w*", r"cost\w*", "card", "bank", r"invoice\w*", r"receipt\w*", "tax", "vat", "code",
        r"credit\w*", r"debit\w*", "amount", "total", "sum", "discount", r"\d+(?:\.\d\d)? ?(?:eur"
        "|euros?|pounds?|quid|%)", r"[£$€]\d+.*", r"parcel\w*", r"pa[ck]+age\w*", r"packet\w*", "box",
        r"deliver\w*", r"ship\w*", "courier", "driver", "van", r"post\w*", r"track\w*", "address",
        r"arriv\w*", r"return\w*", "label", r"send\w*", "sent", "came", "come", r"collect\w*", "late",
        "days?", "weeks?", "months?", "stuff", "warranty", "guarantee", r"repair\w*", r"broke\w*",
        r"batter\w*", "cable", r"plug\w*", "screen", "display", "app", r"button\w*", r"key\w*",
        r"light\w*", r"sound\w*", "noise", "sensor", "mode", "menu", r"setting\w*", "software",
        "website", "site", "page", "phone", "laptop", "computer", "pc", "windows", "android", "usb",
        "turn", r"switch\w*", r"connect\w*", r"water\w*", "coffee", "lens", "lid", "strap", "buckle",
        "zip", "handle", "motor", "part", "parts", "cup", r"glass\w*", "gift", "wet", "size", "small",
        "big", "large", "email", "account", "login", "network", "fault", "error", "wi-?fi", "here",
        "buy", "bought", "sale", "voucher", "coupon", "remote", "device", "machine", "model", "power",
    ),
    re.IGNORECASE,
)  # fmt: skip


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
    (EMAIL_OF_ACCOUNT, "person"),
    (DANGER, "technical"),
    (both(NO_REFUND, REPLACEMENT), "shipping"),
    (both(NO_REFUND, REPAIR), "technical"),
    (RETURN_LABEL, "shipping"),
    (REFUND, "billing"),
    (CHARGED, "billing"),
    (PAPERS, "billing"),
    (CANCEL, "person"),
    (REPAIR, "technical"),
    (ASKS_POSTAGE, "shipping"),
    (PRICES, "billing"),
    (both(REPLACEMENT, DAMAGED), "shipping"),
    (both(REPLACEMENT, NOT_ORDERED), "shipping"),
    (RETURN, "shipping"),
    (GADGETRY, "technical"),
    (but_not(DAMAGED, USED_FOR), "billing"),
    (NOT_ORDERED, "billing"),
    (PARCEL_TROUBLE, "shipping"),
    (FAULT, "technical"),
    (REPLACEMENT, "shipping"),
    (PARCEL, "shipping"),
    (HUMAN, "person"),
    (names_nothing_of_the_shop, "person"),
)
"""(condition, route), in order; the first condition that holds decides."""
