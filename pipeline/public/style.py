"""The style sheet of the public page: readable on a phone, on paper, and by eyes that see little contrast or colour."""

CSS = """
:root { color-scheme: light; }
body { margin: 0 auto; max-width: 62rem; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif; color: #1b1b1b;
  background: #fff; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: .5rem 0; }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
p, li { max-width: 46rem; }
a { color: #0b4f8a; }
.simulated { background: #7a1f1f; color: #fff; padding: .75rem 1rem; font-weight: 600; border-radius: .25rem; }
.figures { display: flex; flex-wrap: wrap; gap: .75rem; padding: 0; margin: 1rem 0; list-style: none; }
.figures li { border: 1px solid #8a8a8a; border-radius: .25rem; padding: .5rem .9rem; min-width: 8rem; }
.figures b { display: block; font-size: 1.6rem; line-height: 1.2; }
figure { margin: 0; }
svg { width: 100%; height: auto; max-height: 85vh; border: 1px solid #8a8a8a; }
.sea { fill: #f4f4f2; }
.searched { fill: #dfe4e0; stroke: #6f7a72; stroke-width: 1.5; }
.line { stroke: #9a9a9a; stroke-width: .7; stroke-dasharray: 3 4; fill: none; }
.scale { stroke: #1b1b1b; stroke-width: 2; fill: none; }
.degrees { font-size: 15px; fill: #3d3d3d; }
.number { font-size: 17px; font-weight: 700; text-anchor: middle; dominant-baseline: central; }
.c1, .c2, .c3, .c4 { stroke: #3a1500; stroke-width: 1; }
.c1 { fill: #fdd0a2; background: #fdd0a2; }
.c2 { fill: #fd8d3c; background: #fd8d3c; }
.c3 { fill: #c2410c; background: #c2410c; }
.c4 { fill: #6b1d06; background: #6b1d06; }
.n1, .n2 { fill: #1b1b1b; }
.n3, .n4 { fill: #fff; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; margin: .5rem 0; list-style: none; }
.swatch { display: inline-block; width: 1rem; height: 1rem; margin-right: .4rem; vertical-align: -.15rem;
  border: 1px solid #3a1500; }
.ground { background: #dfe4e0; }
.scroll { overflow-x: auto; }
.scroll:focus-visible { outline: 3px solid #0b4f8a; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { padding: .35rem .6rem; border-bottom: 1px solid #b5b5b5; text-align: left; vertical-align: top; }
thead th { border-bottom: 2px solid #1b1b1b; }
tbody th { font-weight: 600; min-width: 8.5rem; }
tbody td:nth-child(n+4) { min-width: 6.5rem; }
.amount { text-align: right; }
.small { font-size: .9rem; color: #3d3d3d; }
@media (max-width: 40rem) {
  .degrees { font-size: 24px; }
  .number { font-size: 20px; }
  h1 { font-size: 1.35rem; }
}
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  .scroll { overflow: visible; }
  tr, figure { break-inside: avoid; }
  svg { max-height: 60vh; }
  .simulated, .c1, .c2, .c3, .c4, .searched, .swatch { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
