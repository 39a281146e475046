const fall = (n) => fall(n + 1) + 1;
console.log(fall(0));
