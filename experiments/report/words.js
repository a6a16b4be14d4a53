'use strict';
// Elements, and numbers as people read them. Text of rows goes through text nodes only, never through markup.

const SVG = 'http://www.w3.org/2000/svg';

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === 'function')
      node.addEventListener(name, value);
    else
      node.setAttribute(name, value === true ? '' : value);
  }
  for (const child of children.flat()) {
    if (child === undefined || child === null || child === '') continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}
const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
// A picture of so many pixels, with a name for those who cannot see it.
const makePicture = (width, height, className, label, ...children) => svg(
    'svg', {width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', class: className, 'aria-label': label},
    ...children);

const isNumber = (value) => typeof value === 'number' && Number.isFinite(value);
const sum = (list) => list.reduce((a, b) => a + b, 0);
const most = (list) => list.reduce((a, b) => Math.max(a, b), -Infinity);
const least = (list) => list.reduce((a, b) => Math.min(a, b), Infinity);
const mean = (list) => (list.length ? sum(list) / list.length : NaN);

// Three significant digits.
function num(value) {
  if (!isNumber(value)) return '–';
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (size >= 1e6 || size < 1e-3) return value.toExponential(1).replace('e+', 'e').replace('.0e', 'e');
  if (size >= 100) return Math.round(value).toLocaleString('en');
  return value.toFixed(size >= 10 ? 1 : size >= 1 ? 2 : 3 + Math.max(0, -Math.ceil(Math.log10(size) + 1e-9)));
}
const whole = (value) => (isNumber(value) ? Math.round(value).toLocaleString('en') : '–');
const ms = (value) => (isNumber(value) ? num(value) + ' ms' : '–');
const percent = (value) => (isNumber(value) ? (value * 100).toFixed(Math.abs(value) < 0.0995 ? 1 : 0) + ' %' : '–');
function bytes(value) {
  if (!isNumber(value)) return '–';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; ++unit) value /= 1024;
  return `${unit ? num(value) : value} ${units[unit]}`;
}
// Ticks: as short as can be.
function shortNumber(value) {
  const size = Math.abs(value);
  if (size >= 1e9 || (size > 0 && size < 1e-4)) return value.toExponential(1).replace('e+', 'e').replace('.0e', 'e');
  if (size >= 1e6) return `${+ (value / 1e6).toPrecision(3)}M`;
  if (size >= 1e4) return `${+ (value / 1e3).toPrecision(3)}k`;
  return String(+value.toPrecision(6));
}
const counted = (count, noun) => `${whole(count)} ${noun}${count === 1 ? '' : 's'}`;

// The width of a text of the charts, without drawing it.
const ruler = document.createElement('canvas').getContext('2d');
function textWidth(text, size = 12, weight = 400) {
  ruler.font = `${weight} ${size}px system-ui, sans-serif`;
  return ruler.measureText(text).width * 1.04;
}
function fitted(text, width, size = 12) {
  if (textWidth(text, size) <= width) return text;
  let end = text.length;
  while (end > 1 && textWidth(text.slice(0, end) + '…', size) > width) --end;
  return text.slice(0, end) + '…';
}
