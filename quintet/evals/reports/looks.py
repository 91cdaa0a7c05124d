"""How the page looks, and its one small script."""

from __future__ import annotations

STYLE = """
:root{color-scheme:light dark;--bg:#f6f7f8;--card:#fff;--ink:#1b2127;--dim:#5b6570;--line:#dfe3e8;
--accent:#2558c9;--good:#0b6b44;--good-bg:#dff3e8;--bad:#ab2f17;--bad-bg:#fbe4de;--warn:#7a4e00;
--warn-bg:#fdf0d2;--plain-bg:#e9edf2;--hit:37,88,201;--slip:214,72,40}
@media(prefers-color-scheme:dark){:root{--bg:#121518;--card:#1a1e23;--ink:#e5e9ee;--dim:#9ba6b2;
--line:#2e353d;--accent:#7ba7ff;--good:#6ad6a5;--good-bg:#12372a;--bad:#ff9780;--bad-bg:#45221b;
--warn:#f2c76e;--warn-bg:#3c3115;--plain-bg:#2a3139;--hit:92,140,255;--slip:255,110,80}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,
"Segoe UI",Roboto,sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1080px;margin:0 auto;padding:28px 20px 80px}
h1{font-size:26px;line-height:1.2;margin:0;overflow-wrap:anywhere}
h2{font-size:18px;margin:0 0 10px}h3{font-size:14px;margin:20px 0 6px}
h4{font-size:12px;margin:0 0 2px;color:var(--dim);font-weight:600}
p{margin:6px 0}a{color:var(--accent)}
a:focus-visible,summary:focus-visible,input:focus-visible,select:focus-visible,button:focus-visible,
.scroll:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
header{border-left:6px solid var(--dim);padding:4px 0 4px 18px;margin-bottom:16px}
header.good{border-color:var(--good)}header.miss{border-color:var(--bad)}
header .top{display:flex;gap:12px;align-items:center;flex-wrap:wrap}
header .badge{font-size:16px;padding:3px 12px}
.lead{font-size:17px;margin:8px 0 4px}
.dim,.hint{color:var(--dim)}.hint{font-size:13.5px;max-width:92ch}
nav{display:flex;flex-wrap:wrap;gap:4px 18px;margin:0 0 18px;font-size:14px}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:18px 20px;
margin:0 0 16px}
.note{background:var(--warn-bg);color:var(--warn);border-radius:8px;padding:8px 14px;
margin:0 0 10px}
.badge{display:inline-block;border-radius:6px;padding:0 8px;font-size:12.5px;font-weight:650;
white-space:nowrap;background:var(--plain-bg);color:var(--dim)}
.badge.good{background:var(--good-bg);color:var(--good)}
.badge.miss{background:var(--bad-bg);color:var(--bad)}
.badge.warn{background:var(--warn-bg);color:var(--warn)}
table{border-collapse:collapse;width:100%;font-size:14px}
th,td{text-align:left;vertical-align:top;padding:4px 12px 4px 0;border-top:1px solid var(--line);
overflow-wrap:anywhere}
thead th{border-top:0;color:var(--dim);font-weight:600;font-size:12.5px;vertical-align:bottom;
overflow-wrap:normal}
tbody th{font-weight:550;min-width:9em}th .dim{font-weight:400}
.r{text-align:right}td.r{white-space:nowrap}td.r,th.r{padding-right:18px}
.nowrap{white-space:nowrap}.bar{width:212px}.bar svg{display:block;min-width:150px}
.narrow{width:auto}.pair{display:flex;flex-wrap:wrap;gap:8px 36px;align-items:center}
.pair>*{min-width:0}.pair figure{flex:1 1 520px}.pair>div{flex:0 1 400px}.scroll{overflow-x:auto}
figure{margin:8px 0;overflow-x:auto;max-width:100%}figure svg{display:block;min-width:470px}
.matrix{width:auto;font-size:13px}
.matrix th,.matrix td{border:1px solid var(--card);padding:4px 6px}
.matrix td{min-width:38px;text-align:center;vertical-align:middle}
.matrix tbody th{position:sticky;left:0;background:var(--card);text-align:right;white-space:nowrap;
font-weight:500;padding-right:10px;min-width:0}
.matrix .turn{vertical-align:bottom;text-align:left;padding:4px 0}
.matrix .turn span{writing-mode:vertical-rl;transform:rotate(180deg);white-space:nowrap;
max-height:15em;font-weight:500}
.matrix .corner{font-weight:500;min-width:0;position:sticky;left:0;background:var(--card)}
.matrix .zero{color:var(--line)}.matrix .sum{color:var(--dim);padding-left:12px}
.matrix .hit{background:rgba(var(--hit),var(--h))}
.matrix .slip{background:rgba(var(--slip),var(--h))}
.matrix td a{display:block;color:inherit;font-weight:700}
.mixups{columns:2 300px;margin:0;padding-left:22px;font-size:14px}
details>summary{cursor:pointer;padding:6px 0}
dl.about{display:grid;grid-template-columns:minmax(9em,max-content) 1fr;
gap:4px 18px;font-size:13.5px}
dl.about dt{font-weight:550;overflow-wrap:anywhere}dl.about dd{margin:0;color:var(--dim)}
.tools{display:flex;flex-wrap:wrap;gap:8px;align-items:center;margin:0 0 10px}
.tools input{flex:1 1 220px}.tools input,.tools select,.tools button{font:inherit;color:inherit;
background:var(--bg);border:1px solid var(--line);border-radius:7px;padding:6px 10px;min-width:0}
.tools select{max-width:min(100%,18em)}
[hidden]{display:none!important}
.case{border-top:1px solid var(--line)}.case>summary,.brief{padding:9px 0}
.case .text{display:block}.case .why{display:block;color:var(--bad);font-size:14px}
details.case>summary{padding-left:20px;position:relative;list-style:none}
details.case>summary::-webkit-details-marker{display:none}
details.case>summary::before{content:"";position:absolute;left:3px;top:17px;
border:5px solid transparent;
border-left-color:var(--dim);border-right:0}
details.case[open]>summary::before{transform:rotate(90deg)}
.brief{padding-left:20px}
.body{padding:0 0 14px 20px}.body table{margin:6px 0 12px}.off td,.off th{background:var(--bad-bg)}
.body th,.body td{padding:5px 10px;width:42%}.body th:first-child{width:16%}
.block{margin:0 0 10px}
.block ol{margin:0;padding-left:20px}.block p{margin:0;overflow-wrap:anywhere}
pre{margin:0;white-space:pre-wrap;overflow-wrap:anywhere;font:13px/1.5 ui-monospace,Menlo,Consolas,
monospace;background:var(--bg);border-radius:7px;padding:8px 12px;max-height:22em;overflow-y:auto}
pre.error{color:var(--bad)}
.node{background:var(--plain-bg);border-radius:6px;padding:1px 8px}.path{line-height:2}
.chip{background:var(--plain-bg);border-radius:10px;padding:0 8px;font-size:12.5px;color:var(--dim)}
.js .chip{cursor:pointer}
.right{font-size:13px}.right th{font-weight:500;min-width:5em}
footer{color:var(--dim);font-size:13px;overflow-wrap:anywhere}
@media(max-width:640px){main{padding:18px 12px 60px}section{padding:14px}h1{font-size:22px}
.gates thead{display:none}.gates tr{display:block;border-top:1px solid var(--line);padding:10px 0}
.gates td,.gates th{display:block;border:0;padding:2px 0;width:auto}
.figures thead{display:none}.figures tr{display:grid;grid-template-columns:1fr auto;
border-top:1px solid var(--line);padding:7px 0;align-items:center}.figures th,.figures td{border:0;
padding:0;width:auto}.figures .bar svg{width:150px}.figures .dim:last-child:not(span){display:none}
.figures .cases{grid-column:1/-1;text-align:left;color:var(--dim);font-size:13px;order:9}
.figures .cases::after{content:" cases"}.figures td.nowrap{text-align:right;grid-column:2}
.figures .bar{grid-column:1}
dl.about{grid-template-columns:1fr}dl.about dd{margin:0 0 8px}
th,td{padding-right:8px}tbody th{min-width:9.2em}.bar{width:110px}
.bar svg{min-width:96px}.gates .bar svg{min-width:150px}
.matrix tbody th,.matrix .corner{min-width:0}
.case>summary,.brief,.body{padding-left:16px}
.body th,.body td{padding:4px 6px;min-width:0}}
@media print{body{background:#fff}.tools,nav{display:none}section{break-inside:avoid;border:0}}
"""

SCRIPT = """
(function(){
var d=document,box=d.getElementById('tools');if(!box)return;
var text=d.getElementById('find'),tag=d.getElementById('tag'),said=d.getElementById('said'),
all=d.getElementById('all'),open=d.getElementById('open'),pair=null;
var runs=[].slice.call(d.querySelectorAll('.run')).map(function(e){return{e:e,
w:e.classList.contains('case'),x:e.textContent.toLowerCase(),
t:[].map.call(e.querySelectorAll('.chip'),function(c){return c.textContent})}});
d.documentElement.classList.add('js');box.hidden=false;
function apply(){
var words=text.value.toLowerCase().split(/\\s+/),t=tag.value,wrong=0,right=0,of=0;
runs.forEach(function(r){
var ok=words.every(function(w){return r.x.indexOf(w)>=0})&&(!t||r.t.indexOf(t)>=0)&&
(!pair||(r.e.dataset.told===pair[0]&&r.e.dataset.got===pair[1]));
r.e.hidden=!ok;if(r.w){of++;wrong+=ok}else right+=ok});
var on=text.value||t||pair;all.hidden=!on;
said.textContent=on?wrong+' of '+of+' wrong and '+right+' right runs shown'+
(pair?', expected '+pair[0]+', chosen '+pair[1]:''):''}
function go(){d.getElementById('wrong').scrollIntoView()}
text.addEventListener('input',apply);tag.addEventListener('change',apply);
all.addEventListener('click',function(){text.value='';tag.value='';pair=null;apply()});
open.addEventListener('click',function(){
var list=[].filter.call(d.querySelectorAll('details.case'),function(c){return!c.hidden}),
to=!list.every(function(c){return c.open});list.forEach(function(c){c.open=to})});
d.addEventListener('click',function(e){
var a=e.target.closest('a[data-told]'),c=e.target.closest('.chip');
if(a){e.preventDefault();pair=[a.dataset.told,a.dataset.got];text.value='';tag.value='';apply();go()}
else if(c){e.preventDefault();tag.value=c.textContent;pair=null;apply();go()}});
})();
"""
