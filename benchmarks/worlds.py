"""Speed of the simulator: finished looks per second and core, once a world stands, against making the world.

python benchmarks/worlds.py
"""

import time
from datetime import date

from pipeline.worlds.world import make_world, render

SIDE_PX = 512
LOOKS = 12


def main() -> None:
    """Print megapixels per second of one core."""
    start = time.process_time()
    world = make_world(1, SIDE_PX, "shan", date(2023, 1, 1), date(2025, 12, 31))
    made = time.process_time() - start
    start = time.process_time()
    for number in range(LOOKS):
        render(world, date(2025, number % 12 + 1, 10), number)
    seen = (time.process_time() - start) / LOOKS
    area = SIDE_PX**2 / 1e6
    print(f"a world of {area:.2f} Mpx: {made:.2f} s of a core")
    print(
        f"a look at it: {seen:.2f} s of a core, {area / seen:.2f} Mpx/s; making the world takes {made / seen:.1f} looks"
    )


if __name__ == "__main__":
    main()
