(function(){
var d=document,box=d.getElementById('tools');if(!box)return;
var text=d.getElementById('find'),tag=d.getElementById('tag'),said=d.getElementById('said'),
all=d.getElementById('all'),open=d.getElementById('open'),pair=null;
var runs=[].slice.call(d.querySelectorAll('.run')).map(function(e){return{e:e,
w:e.classList.contains('case'),x:e.textContent.toLowerCase(),
t:[].map.call(e.querySelectorAll('.chip'),function(c){return c.textContent})}});
d.documentElement.classList.add('js');box.hidden=false;
function apply(){
var words=text.value.toLowerCase().split(/\s+/),t=tag.value,wrong=0,right=0,of=0;
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
