"""`leachwatch looks`."""

import argparse

from pipeline.cli.arguments import add_archive, archive_of
from pipeline.cli.parser import Parser, command

DESCRIPTION = """List the looks in the archive by recipe, or remove those of older recipes.

A recipe is a look version, a model, a precision and the settings of the clear test. Looks of other recipes than the
present one are not used; what was published from them stands until the present recipe has looked at its ground."""

EXAMPLES = """examples:
  leachwatch looks                     count, size, months, version and model of each recipe
  leachwatch looks prune               what would be removed: all but the recipe last used, and those on which
                                       sites rest that stand published
  leachwatch looks prune 1f0c2a9b7d3e --yes
      remove the looks of one recipe"""


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add `looks`."""
    looks = command(commands, "looks", DESCRIPTION, EXAMPLES)
    looks.add_argument("action", nargs="?", default="list", choices=["list", "prune"], help="%(default)s")
    looks.add_argument("recipes", nargs="*", metavar="RECIPE", help="prune: these (default: all but the last used)")
    looks.add_argument("--yes", action="store_true", help="prune: remove them; without it they are only told")
    add_archive(looks)
    looks.set_defaults(do=run)


def run(options: argparse.Namespace) -> int:
    """List or prune; returns the exit code."""
    from pipeline.run.leftovers import sweep_leftovers
    from pipeline.run.prune import prunable, prune, recipe_lines, resting_folders, stored_recipes

    archive = archive_of(options)
    stored = stored_recipes(archive)
    if options.action == "list":
        print("\n".join(recipe_lines(stored, archive)))
        return 0
    resting = resting_folders(archive)
    chosen = prunable(stored, options.recipes, resting=resting)
    for recipe in prunable(stored) if not options.recipes else ():
        if recipe.folder in resting:
            print(f"{recipe.name} stays: sites that stand published rest on it; to remove it, name it")
    if options.yes and (swept := sweep_leftovers(archive)):
        print(f"{len(swept)} parts of runs that were killed removed")
    if not chosen:
        print("nothing to remove: of each kind, only looks of the recipe last used are there")
        return 0
    print("\n".join(recipe_lines(chosen, archive)))
    if not options.yes:
        print("nothing was removed; to remove these, add --yes")
        return 0
    for recipe in chosen:
        prune(recipe)
    print(f"{sum(recipe.count for recipe in chosen)} looks removed")
    return 0
