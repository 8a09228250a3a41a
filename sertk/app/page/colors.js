// The color map cividis, which color-blind people and printers can read.
// In: a share from 0 to 1. Out: red, green, blue.

// prettier-ignore
const STOPS = [
  [0, 34, 78], [18, 53, 112], [59, 73, 108], [87, 93, 109], [112, 113, 115], [138, 134, 120],
  [166, 156, 117], [196, 178, 108], [225, 204, 85], [254, 232, 56],
];

export function cividis(share) {
  const place = Math.min(Math.max(share, 0), 1) * (STOPS.length - 1);
  const below = Math.min(Math.floor(place), STOPS.length - 2);
  const rest = place - below;
  return STOPS[below].map((value, n) => Math.round(value + rest * (STOPS[below + 1][n] - value)));
}

export function css(share) {
  return `rgb(${cividis(share).join(" ")})`;
}
