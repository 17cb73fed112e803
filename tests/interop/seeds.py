"""Random stories, one a seed: what their scripts have in common on the command line, and how they are told and counted."""
import argparse
import pathlib
import shutil
import tempfile

from oracle import Oracle


def parser_of(text, steps):
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=lambda p: str(pathlib.Path(p).resolve()))
    parser.add_argument("--oracle", required=True)
    parser.add_argument("--seeds", default="1..20")
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--keep", help="a directory for the warehouses, which stay")
    return parser


def tell(story_of, args, name):
    """story_of(args, scratch, oracle, seed) has tell(), and then passed and failures. The exit code of the script."""
    low, _, high = args.seeds.partition("..")
    oracle, passed, failed = Oracle(args.oracle), 0, 0
    with tempfile.TemporaryDirectory(prefix=name + "-") as temporary:
        scratch = pathlib.Path(args.keep or temporary)
        scratch.mkdir(exist_ok=True)
        for seed in range(int(low), int(high or low) + 1):
            story = story_of(args, scratch, oracle, seed)
            story.tell()
            passed += story.passed
            failed += len(story.failures)
            if args.keep is None:
                for path in scratch.iterdir():
                    if path.is_dir():
                        shutil.rmtree(path)
    print("%d passed, %d failed" % (passed, failed))
    return 0 if passed and not failed else 1
