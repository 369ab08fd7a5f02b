package browser_test

// unreadable is a JavaScript expression: every text of the page whose contrast to
// its background is under 4.5, the least that WCAG 2.1 asks for at level AA, and
// how many texts were looked at.
const unreadable = `(() => {
  const parse = text => {
    const n = text.match(/[\d.]+/g).map(Number);
    return {r: n[0], g: n[1], b: n[2], a: n.length > 3 ? n[3] : 1};
  };
  const over = (top, below) => ({
    r: top.r * top.a + below.r * (1 - top.a), g: top.g * top.a + below.g * (1 - top.a),
    b: top.b * top.a + below.b * (1 - top.a), a: 1,
  });
  const luminance = c => {
    const f = v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
    return 0.2126 * f(c.r) + 0.7152 * f(c.g) + 0.0722 * f(c.b);
  };
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const canvas = dark ? {r: 18, g: 18, b: 18, a: 1} : {r: 255, g: 255, b: 255, a: 1};
  const background = e => {
    const layers = [];
    for (; e; e = e.parentElement) {
      layers.push(parse(getComputedStyle(e).backgroundColor));
    }
    return layers.reverse().reduce((below, top) => over(top, below), canvas);
  };
  const bad = [];
  let seen = 0;
  const look = (e, text) => {
    const style = getComputedStyle(e);
    if (style.visibility !== 'visible' || e.getClientRects().length === 0) return;
    seen++;
    const back = background(e);
    const a = luminance(over(parse(style.color), back)), b = luminance(back);
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) bad.push(contrast.toFixed(2) + ' ' + text.trim().slice(0, 40));
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const n = walker.currentNode, e = n.parentElement;
    if (n.data.trim() !== '' && !e.closest('style, option')) look(e, n.data);
  }
  document.querySelectorAll('select, input').forEach(e => look(e, e.id));
  return {seen, bad};
})()`

// contrasts is what unreadable evaluates to.
type contrasts struct {
	Seen int      `json:"seen"`
	Bad  []string `json:"bad"`
}
