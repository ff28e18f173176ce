"""The model: connected spots of bright pixels, the surest first. Its confidence is the share of a spot's box that is bright."""
import re

CLASS_NAME = "bright"
BRIGHT = bytes(1 if luma >= 160 else 0 for luma in range(256))
RUN = re.compile(rb"\x01+")


def bright_spots(rows, width, height, area=(0, 0, 1, 1), step=8):
    """Rows of luma, thinned by `step` from a picture of width x height that shows `area` of the frame."""
    spots, above = [], []
    for y, row in enumerate(rows):
        here = []
        for run in RUN.finditer(row.translate(BRIGHT)):
            spot = {"box": [run.start(), y, run.end(), y + 1], "pixels": run.end() - run.start()}
            for start, end, other in above:
                if start < run.end() and run.start() < end and (other := root(other)) is not spot:
                    join(spot, other)
            spots.append(spot)
            here.append((run.start(), run.end(), spot))
        above = here
    found = [detection(spot, width / step, height / step, area) for spot in spots if "joined" not in spot]
    return sorted(found, key=lambda spot: -spot["confidence"])


def root(spot):
    while "joined" in spot:
        spot = spot["joined"]
    return spot


def join(spot, other):
    other["joined"] = spot
    (a, b, c, d), (e, f, g, h) = spot["box"], other["box"]
    spot["box"], spot["pixels"] = [min(a, e), min(b, f), max(c, g), max(d, h)], spot["pixels"] + other["pixels"]


def detection(spot, columns, rows, area):
    x_min, y_min, x_max, y_max = spot["box"]
    def across(x):
        return min(1.0, area[0] + min(x / columns, 1) * (area[2] - area[0]))

    def down(y):
        return min(1.0, area[1] + min(y / rows, 1) * (area[3] - area[1]))

    return {
        "class_id": 0, "class_name": CLASS_NAME, "confidence": round(spot["pixels"] / ((x_max - x_min) * (y_max - y_min)), 4),
        "bbox": [across(x_min), down(y_min), across(x_max), down(y_max)], "track_id": None,
    }
