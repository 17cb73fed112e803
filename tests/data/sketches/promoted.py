"""Makes promoted.bin: pairs of HLL sketches that are lists or sets, and whose union is an array, each a length (32 bits,
little-endian) and its bytes; then what Apache DataSketches makes of them, as Paimon's hll_sketch asks for it: needs the
package datasketches (5.2)."""
import struct

import datasketches

HLL_4 = datasketches.tgt_hll_type.HLL_4


def filled(slots, begin, end):
    sketch = datasketches.hll_sketch(slots, HLL_4)
    for value in range(begin, end):
        sketch.update(value)
    return bytes(sketch.serialize_compact())


with open("promoted.bin", "wb") as out:
    for slots, older, newer in ((4, 5, 6), (5, 7, 7), (7, 7, 3), (7, 4, 9), (8, 20, 10), (8, 24, 5), (8, 7, 24), (9, 40, 20),
                                (10, 90, 40), (11, 150, 60), (12, 300, 200), (12, 5, 382)):
        pair = [filled(slots, 0, older), filled(slots, older, older + newer)]
        union = datasketches.hll_union(slots)
        for sketch in reversed(pair):  # the newer one first: it is the one that takes the coupons of the other
            union.update(datasketches.hll_sketch.deserialize(sketch))
        for sketch in pair + [bytes(union.get_result(HLL_4).serialize_compact())]:
            out.write(struct.pack("<i", len(sketch)) + sketch)
