"""Sums trx and JUnit results, names what failed or was skipped; the exit status is the verdict."""
import os
import pathlib
import sys
import xml.etree.ElementTree as xml

TRX = "{http://microsoft.com/schemas/VisualStudio/TeamTest/2010}"


def trx(path):
    for result in xml.parse(path).iter(TRX + "UnitTestResult"):
        outcome = {"Passed": "passed", "NotExecuted": "skipped"}.get(result.get("outcome"), "failed")
        message = result.find(f"{TRX}Output/{TRX}ErrorInfo/{TRX}Message")
        if message is None:
            message = result.find(f"{TRX}Output/{TRX}StdOut")
        yield outcome, result.get("testName"), (message.text or "") if message is not None else ""


def junit(path):
    for case in xml.parse(path).iter("testcase"):
        kinds = {child.tag: child.get("message", "") for child in case}
        outcome = "failed" if kinds.keys() & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        yield outcome, f"{case.get('classname')}.{case.get('name')}", next(iter(kinds.values()), "")


def main(directory, status):
    files = pathlib.Path(directory)
    results = [one for path in files.rglob("*.trx") for one in trx(path)] + [one for path in files.rglob("*.xml") for one in junit(path)]
    for outcome, name, message in results:
        if outcome != "passed":
            print(f"{outcome}: {name}: {message.strip().splitlines()[0] if message.strip() else ''}")
    passed, failed, skipped = (sum(1 for outcome, _, _ in results if outcome == kind) for kind in ("passed", "failed", "skipped"))
    if status and not failed:
        print("a test run ended badly although no test failed: see above")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if status or failed or not passed or (skipped and os.environ.get("ALLOW_SKIPPED") != "1") else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
