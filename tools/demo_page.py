# SPDX-License-Identifier: Apache-2.0
"""The demo's page: one HTML file without scripts and without anything from elsewhere.

Everything that is shown came from files or from the command's output and is escaped; pictures are
embedded as data, so that the page can be moved or sent.
"""
import base64
import statistics
from html import escape
from pathlib import Path
from urllib.parse import quote

STAGES = ["fetch", "decode", "transform", "embed", "store"]  # work; waiting in a queue is none
KINDS = {"crop": ("80 % crop", "cut to 80 % of each side and saved again as a poor JPEG"),
         "copy": ("Small copy", "halved and saved again as a poor JPEG"),
         "flip": ("Mirrored copy", "flipped left to right and saved again; the hardest of the four"),
         "stored": ("Stored picture", "neighbours of a picture that is in the collection")}
CODES = {"empty": "the file has no bytes", "too_short": "too few bytes for any picture",
         "not_image": "no known picture format", "truncated": "the data end too early",
         "too_many_pixels": "larger than --max-pixels; refused before decoding",
         "not_regular_file": "not a regular file; never opened for reading",
         "not_found": "nothing of that name"}

STYLE = """
:root{--bg:#f6f7f8;--card:#fff;--ink:#15202b;--soft:#5b6875;--line:#e1e5e9;--accent:#0b6e82;
--accent-soft:#e3f1f3;--bad:#a3341f;--bad-soft:#fbebe7;--code:#eef1f3;--shadow:0 1px 2px #0f1e2d14}
@media (prefers-color-scheme:dark){:root{--bg:#0f1418;--card:#171e24;--ink:#e7edf2;--soft:#98a6b3;
--line:#29333c;--accent:#58c0d3;--accent-soft:#15313a;--bad:#f0947f;--bad-soft:#3a211c;
--code:#202930;--shadow:none}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.55 system-ui,-apple-system,
"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif}
main,header,footer{max-width:1160px;margin:0 auto;padding:0 28px}
header{padding-top:52px;padding-bottom:8px}
h1{font-size:36px;line-height:1.2;margin:6px 0 10px;letter-spacing:-.02em;font-weight:680}
h2{font-size:22px;margin:52px 0 4px;letter-spacing:-.01em}
.brand{color:var(--accent);font-weight:650;letter-spacing:.02em}
.lead{color:var(--soft);max-width:46em;margin:0 0 4px}
.sub{color:var(--soft);margin:0 0 18px}
a{color:inherit}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(158px,1fr));gap:14px;margin:26px 0 14px}
.figure,.panel,.query{background:var(--card);border:1px solid var(--line);border-radius:12px;
box-shadow:var(--shadow)}
.figure{padding:16px 18px}
.figure b{display:block;font-size:28px;line-height:1.15;white-space:nowrap;letter-spacing:-.02em;font-weight:640;
font-variant-numeric:tabular-nums}
.figure span{color:var(--soft);font-size:14px}
.two{display:grid;grid-template-columns:1fr 1fr;gap:14px}
.panel{padding:18px 20px}
.panel h3{margin:0 0 10px;font-size:15px}
dl{display:grid;grid-template-columns:max-content 1fr;gap:5px 18px;margin:0;font-size:14px}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
.bar{display:grid;grid-template-columns:78px 1fr 74px;gap:10px;align-items:center;font-size:14px;
margin:5px 0}
.bar i{display:block;height:9px;border-radius:5px;background:var(--accent);min-width:2px}
.bar em{font-style:normal;text-align:right;color:var(--soft);font-variant-numeric:tabular-nums}
.query{display:grid;grid-template-columns:230px 1fr;gap:22px;padding:20px;margin:14px 0}
.query h3{margin:12px 0 2px;font-size:16px}
.query p{margin:0;color:var(--soft);font-size:14px}
.ask img{width:100%;max-height:250px;object-fit:contain;border-radius:8px;background:var(--code);display:block}
.hits{display:grid;grid-template-columns:repeat(4,1fr);gap:12px;margin:0;padding:0;list-style:none}
.hits li{min-width:0}
.hits img{width:100%;aspect-ratio:4/3;object-fit:cover;border-radius:8px;display:block;background:var(--code)}
.hits .is img{outline:3px solid var(--accent);outline-offset:2px}
.hits span{display:flex;justify-content:space-between;gap:8px;font-size:12.5px;color:var(--soft);margin-top:6px}
.hits span b{font-weight:500;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.tag{display:inline-block;background:var(--accent-soft);color:var(--accent);border-radius:999px;
padding:1px 10px;font-size:13px;font-weight:600;margin-top:10px}
.tag.no{background:var(--bad-soft);color:var(--bad)}
.wide{overflow-x:auto;padding:4px 0}
table{border-collapse:collapse;width:100%;font-size:14px}
th,td{text-align:left;padding:10px 20px;border-bottom:1px solid var(--line);vertical-align:top}
tr:last-child td{border-bottom:0}
th{color:var(--soft);font-weight:500}
td.msg{overflow-wrap:anywhere}
code,pre{font-family:ui-monospace,"SF Mono","DejaVu Sans Mono",monospace;font-size:13px}
code{background:var(--code);border-radius:5px;padding:2px 6px;white-space:nowrap}
code.bad{background:var(--bad-soft);color:var(--bad)}
pre{background:var(--code);border-radius:8px;padding:14px 16px;margin:0;overflow-x:auto;line-height:1.7}
.warn{background:var(--bad-soft);color:var(--bad);border-radius:12px;padding:14px 20px;margin:22px 0}
.warn ul{margin:4px 0 0;padding-left:20px}
footer{color:var(--soft);font-size:14px;padding-top:40px;padding-bottom:56px}
@media (max-width:820px){.two,.query{grid-template-columns:1fr}.hits{grid-template-columns:repeat(2,1fr)}
main,header,footer{padding-left:18px;padding-right:18px}h1{font-size:29px}}
"""


def number(value, digits=0):
    """A figure with thin grouping, or a dash."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "–"
    return f"{value:,.{digits}f}".replace(",", "\u202f")


def size(n_bytes):
    for unit in ("B", "KiB", "MiB"):
        if n_bytes < 1024:
            return f"{number(n_bytes)} {unit}"
        n_bytes /= 1024
    return f"{number(n_bytes, 1)} GiB"


def milliseconds(value):
    return f"{number(value, 2)}\u00a0ms" if value >= 0.005 else "&lt;\u00a00.01\u00a0ms"


def text(value):
    return escape(str(value), quote=True)


class Pictures:
    """Finds the small copy of a picture of the corpus."""

    def __init__(self, corpus, link):
        self.corpus = Path(corpus)
        self.link = link  # the corpus as seen from the page

    def image(self, path):
        """An <img>, linked to the picture itself; a grey field where there is none."""
        path = Path(path)
        inside = path.parent in (self.corpus / "photos", self.corpus / "queries")
        thumb = self.corpus / "thumbs" / f"{path.name}.jpg"
        if not inside or not thumb.is_file():
            return f'<img alt="{text(path.name)}">'
        data = base64.b64encode(thumb.read_bytes()).decode("ascii")
        link = quote(f"{self.link}/{path.parent.name}/{path.name}")
        return (f'<a href="{text(link)}"><img alt="{text(path.name)}" '
                f'src="data:image/jpeg;base64,{data}"></a>')


def figure(value, label):
    return f'<div class="figure"><b>{text(value)}</b><span>{text(label)}</span></div>'


def figures(summary):
    memory = summary.get("peak_memory_bytes")
    return "".join([
        figure(number(summary.get("items_per_s")), "pictures a second"),
        figure(number(summary.get("ok")), "pictures stored"),
        figure(number(summary.get("failed", 0) + summary.get("quarantined", 0)),
               "broken items, each named"),
        figure(f"{number(summary.get('seconds'), 2)} s", "for the whole run"),
        figure(f"{number(summary.get('first_batch_ms'))} ms", "to the first batch"),
        figure(size(memory) if isinstance(memory, (int, float)) else "–", "peak memory, all processes"),
    ])


def facts(pairs):
    rows = "".join(f"<dt>{text(name)}</dt><dd>{text(value)}</dd>" for name, value in pairs if value)
    return f"<dl>{rows}</dl>"


def sandbox(doctor):
    layers = doctor.get("sandbox", {})
    if not isinstance(layers, dict):
        return ""
    return ", ".join(name.replace("_", " ") + (f" v{value}" if type(value) is int else "")
                     for name, value in layers.items() if value)


def machine_panel(data):
    machine, summary = data["machine"], data["summary"]
    doctor = machine["doctor"]
    cpu = doctor.get("cpu", {}) if isinstance(doctor.get("cpu"), dict) else {}
    return facts([
        ("Processor", machine["cpu"]), ("Cores used", machine["cores"]),
        ("Kernels", cpu.get("level")), ("Memory", size(machine["memory_bytes"])),
        ("System", f"{machine['system']}, {machine['kernel']}"),
        ("Workers", summary.get("workers")), ("Sandbox", sandbox(doctor)),
        ("Bottleneck", summary.get("bottleneck")), ("Measured", data["time"]),
    ])


def stage_bars(items):
    """Median milliseconds of each stage over the stored items."""
    stored = [item.get("ms", {}) for item in items if item.get("state") == "stored"]
    medians = {}
    for stage in STAGES:
        values = [ms[stage] for ms in stored if isinstance(ms.get(stage), (int, float))]
        if values:
            medians[stage] = statistics.median(values)
    most = max(medians.values(), default=0) or 1
    return "".join(f'<div class="bar"><span>{stage}</span><i style="width:{100 * value / most:.1f}%">'
                   f"</i><em>{milliseconds(value)}</em></div>" for stage, value in medians.items())


def hit_item(hit, query, pictures):
    name = Path(str(hit.get("id", ""))).name
    mark = ' class="is"' if hit.get("id") == query["of"] else ""
    return (f"<li{mark}>{pictures.image(hit.get('id', ''))}<span><b title=\"{text(name)}\">{text(name)}"
            f"</b>{number(hit.get('score'), 3)}</span></li>")


def query_block(query, pictures):
    title, what = KINDS[query["kind"]]
    answer = query["answer"]
    if query["rank"] == 0:
        tag = '<span class="tag no">original not among these</span>'
    elif query["kind"] == "stored":
        tag = '<span class="tag">itself comes first</span>' if query["rank"] == 1 else ""
    else:
        tag = f'<span class="tag">original found, rank {query["rank"]}</span>'
    took = f"searched in {number(answer.get('ms'), 2)}\u00a0ms"
    hits = "".join(hit_item(hit, query, pictures) for hit in answer.get("results", []))
    return (f'<section class="query"><div class="ask">{pictures.image(query["path"])}<h3>{text(title)}</h3>'
            f"<p>{text(what)}; {took}.</p>{tag}</div><ol class=\"hits\">{hits}</ol></section>")


def failure_rows(failures):
    rows = []
    for failure in failures:
        code = str(failure.get("code", ""))
        rows.append(f"<tr><td><code>{text(failure.get('id', ''))}</code></td>"
                    f'<td><code class="bad">{text(code)}</code></td><td>{text(failure.get("stage", ""))}</td>'
                    f'<td class="msg">{text(failure.get("message") or CODES.get(code, ""))}</td></tr>')
    return "".join(rows)


def warning(problems):
    if not problems:
        return ""
    lines = "".join(f"<li>{text(line)}</li>" for line in problems)
    return f'<div class="warn"><b>Not as expected</b><ul>{lines}</ul></div>'


def commands(data):
    listed, store = data["corpus"] / "list.txt", data["store"]
    lines = [f"build/millrace ingest @{listed} --into {store} --error-budget 5%",
             f"build/millrace search {store} --image {data['expected']['queries'][0]['path']}"
             if data["expected"]["queries"] else "",
             f"build/millrace report {store} --failed"]
    return "\n".join(text(line) for line in lines if line)


def mix(items):
    """"410 jpeg, 96 png, 94 webp" of the stored items."""
    counts = {}
    for item in items:
        if item.get("state") == "stored" and item.get("format"):
            counts[str(item["format"])] = counts.get(str(item["format"]), 0) + 1
    ordered = sorted(counts.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{count} {name.upper()}" for name, count in ordered)


def render(data):
    """The whole page. `data`: see tools/demo.py."""
    summary, pictures = data["summary"], Pictures(data["corpus"], data["corpus_link"])
    queries = "".join(query_block(query, pictures) for query in data["queries"])
    formats = mix(data["items"])
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>millrace demo: {text(number(summary.get("ok")))} photographs, searchable</title>
<style>{STYLE}</style>
</head>
<body>
<header>
<div class="brand">millrace</div>
<h1>From a folder of photographs to a searchable collection</h1>
<p class="lead">{text(number(summary.get("items")))} items went through sandboxed worker processes and
shared memory into a local vector store{text(": " + formats) if formats else ""}. No model and no network: the
descriptor is the built-in one. The pictures were cut out of {text(number(len(data["expected"]["sources"])))}
photographs that Debian ships.</p>
</header>
<main>
{warning(data["problems"])}
<div class="figures">{figures(summary)}</div>
<div class="two">
<div class="panel"><h3>Measured on</h3>{machine_panel(data)}</div>
<div class="panel"><h3>Work on one picture (median)</h3>{stage_bars(data["items"])}</div>
</div>
<h2>Queries and their nearest neighbours</h2>
<p class="sub">The query is on the left; its original is outlined. The number is the score, the inner
product of two unit vectors.</p>
{queries}
<h2>What could not be stored, and why</h2>
<p class="sub">A bad item never stops, delays or changes another. Each has a stable reason code.</p>
<div class="panel wide"><table><thead><tr><th>Item</th><th>Code</th><th>Stage</th><th>What happened</th></tr>
</thead><tbody>{failure_rows(data["failures"])}</tbody></table></div>
<h2>The commands</h2>
<p class="sub">What produced this page. Run them from the root of the repository, after <code>make</code>.
</p>
<pre>{commands(data)}</pre>
</main>
<footer>Plan fingerprint <code>{text(str(summary.get("fingerprint", ""))[:20])}…</code>.
Photographs: Debian packages mate-backgrounds and plasma-workspace-wallpapers, under their own licences.</footer>
</body>
</html>
"""
