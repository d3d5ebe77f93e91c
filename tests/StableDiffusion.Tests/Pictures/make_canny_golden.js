const fs=require('fs'); let cv=require('@techstark/opencv-js');
function rng(seed){ let s=seed>>>0; return ()=>{ s=(Math.imul(s,1664525)+1013904223)>>>0; return s>>>24; }; }
function picture(kind,w,h,seed){ const r=rng(seed); const a=new Uint8Array(w*h*3);
 for(let y=0;y<h;y++)for(let x=0;x<w;x++)for(let c=0;c<3;c++){ let v;
  if(kind==='noise') v=r();
  else if(kind==='shapes') v = ((x-w/2)*(x-w/2)+(y-h/2)*(y-h/2) < (w/3)*(w/3) ? 200-40*c : 30+20*c) + ((x>>3)+(y>>2)&1 ? 25:0);
  else if(kind==='slopes') v = (x*(3+c)+y*(5-c)) & 255;
  else v = ((r()+r()+r()+r())>>2)+ (x>y?60:0) & 255;
  a[(y*w+x)*3+c]=v; } return a; }
async function main(){ if(cv instanceof Promise) cv=await cv; else if(!cv.Mat) await new Promise(ok=>cv.onRuntimeInitialized=ok);
 const out=[]; 
 for(const [kind,w,h,seed,low,high] of [['noise',17,13,1,100,200],['noise',32,24,2,300.7,500.2],['shapes',40,32,0,100,200],['shapes',33,21,0,50,150],['slopes',24,40,0,100,200],['slopes',31,9,0,200,100],['blobs',48,40,3,60,160],['blobs',29,37,4,100,200],['noise',1,1,5,0,0],['noise',1,9,6,10,60],['blobs',9,1,7,20,80],['blobs',64,64,8,150,220]]){
  const a=picture(kind,w,h,seed); const m=new cv.Mat(h,w,cv.CV_8UC3); m.data.set(a); const d=new cv.Mat(); cv.Canny(m,d,low,high); 
  const bits=Array.from(d.data).map(v=>v?1:0); const packed=Buffer.alloc(Math.ceil(bits.length/8)); bits.forEach((b,i)=>{ if(b) packed[i>>3]|=1<<(i&7); });
  out.push({width:w,height:h,low,high,pixels:Buffer.from(a).toString('base64'),edges:packed.toString('base64'),count:bits.reduce((x,y)=>x+y,0)}); m.delete(); d.delete(); }
 console.error(cv.getBuildInformation? cv.getBuildInformation().split('\n').slice(0,3).join('|'):'' , out.map(o=>o.count).join(' ')); console.log(JSON.stringify(out,null,1)); }
main();
