"""Bar 4: a million leads and 25 signals, from the measured frame to stored verdicts, scores, reasons and decisions."""

from bench import state
from bench.bars.setting import Setting

LEADS = {"small": 20_000, "full": 1_000_000}
# Seconds of the first run and of one with 1 % changed, and the process's peak memory.
FIRST, SECOND, GIGABYTES = 20.0, 6.0, 2.0


def run(setting: Setting) -> None:
    """Both databases; each in a process of its own."""
    leads, report = LEADS[setting.scale], setting.report
    for database in state.DATABASES:
        setting.say(f"bar 4, {database}: {leads:,} leads")
        tables = [state.rows(leads, [database]) for _ in range(min(setting.repeats, 3))]
        for number, name in enumerate(state.STEPS):
            runs = [table[number] for table in tables]
            bar = (FIRST, SECOND)[number] if number < 2 else None
            row = ("4", f"seconds of the run: {name}", f"{leads:,} leads, {database}")
            report.ratio(row, [one.seconds for one in runs], [1.0] * len(runs), at_most=True, floor=bar)
            wrote = f"{runs[0].written:,} leads, {runs[0].decisions:,} decisions; {runs[0].cpu_seconds:.1f} s of CPU"
            report.figure("4", row[2], f"written: {name}", wrote)
        row = ("4", "peak memory in GB", f"{leads:,} leads, {database}")
        peaks = [max(one.megabytes for one in table) / 1000 for table in tables]
        report.ratio(row, peaks, [1.0] * len(peaks), at_most=True, floor=GIGABYTES)
