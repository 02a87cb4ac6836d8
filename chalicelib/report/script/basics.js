const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
document.documentElement.classList.add("script");

const SVG = "http://www.w3.org/2000/svg";
const DAY = 86_400_000;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function drawn(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const isolated = (text, otherwise = "(no title)") => element("bdi", {}, text || otherwise);
const counted = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
const iso = (moment) => new Date(moment).toISOString().slice(0, 10);
const short = (moment) => `${new Date(moment).getUTCDate()} ${MONTHS[new Date(moment).getUTCMonth()]}`;
const long = (moment) => `${short(moment)} ${new Date(moment).getUTCFullYear()}`;
const longest = (moment) => `${WEEKDAYS[new Date(moment).getUTCDay()]} ${long(moment)}`;
const folded = (text) => text.normalize("NFD").replace(/\p{Mn}/gu, "").toLowerCase();
const say = (text) => { $("#said").textContent = text; };
