// Makes hll.bin: pairs of HLL sketches and what Paimon's hll_sketch makes of them, each a length (32 bits, little-endian)
// and its bytes. Sketches of all three types, with 2^MIN to 2^MAX slots, empty to full, compact or not, filled in order
// or united before.
//
//   java -cp paimon-bundle-1.4.2.jar HllPairs.java 150 4 8 5 small.bin
//   java -cp paimon-bundle-1.4.2.jar HllPairs.java 12 11 12 5 large.bin; cat small.bin large.bin > hll.bin
import java.io.*;
import java.util.Random;
import org.apache.paimon.shade.org.apache.datasketches.hll.*;
import org.apache.paimon.utils.HllSketchUtil;

public class HllPairs {
    static HllSketch fill(int lgK, TgtHllType type, long from, long end) {
        HllSketch sketch = new HllSketch(lgK, type);
        for (long value = from; value < end; value++) sketch.update(value);
        return sketch;
    }

    static byte[] make(Random random, int lgK) {
        TgtHllType type = TgtHllType.values()[random.nextInt(3)];
        long most = (1L << lgK) * (random.nextInt(4) == 0 ? 40 : 2);
        long count = random.nextInt(12) == 0 ? 0 : random.nextInt(4) == 0 ? random.nextInt(30) : (long) (random.nextDouble() * most);
        long from = random.nextInt(2) == 0 ? 0 : random.nextInt(1000000);
        boolean compact = random.nextInt(3) != 0;
        HllSketch sketch;
        if (random.nextInt(3) == 0 && count > 1) {
            Union union = new Union(lgK);
            union.update(fill(lgK, type, from, from + count / 2));
            union.update(fill(lgK, type, from + count / 2, from + count));
            sketch = union.getResult(type);
        } else {
            sketch = fill(lgK, type, from, from + count);
        }
        return compact ? sketch.toCompactByteArray() : sketch.toUpdatableByteArray();
    }

    static void put(DataOutputStream out, byte[] bytes) throws IOException {
        out.writeInt(Integer.reverseBytes(bytes.length));
        out.write(bytes);
    }

    public static void main(String[] words) throws IOException {
        int cases = Integer.parseInt(words[0]), min = Integer.parseInt(words[1]), max = Integer.parseInt(words[2]);
        Random random = new Random(Long.parseLong(words[3]));
        try (DataOutputStream out = new DataOutputStream(new BufferedOutputStream(new FileOutputStream(words[4])))) {
            for (int i = 0; i < cases; i++) {
                int lgK = min + random.nextInt(max - min + 1);
                byte[][] pair = new byte[2][];
                for (int k = 0; k < 2; k++) pair[k] = make(random, random.nextInt(3) == 0 ? min + random.nextInt(max - min + 1) : lgK);
                put(out, pair[0]);
                put(out, pair[1]);
                put(out, HllSketchUtil.union(pair[0], pair[1]));
            }
        }
    }
}
