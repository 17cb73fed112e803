// Makes theta.bin, of pairs of theta sketches, as HllPairs.java does: compact and ordered or not, or open (QuickSelect and
// Alpha), empty to full, of 2^4 to 2^MAX nominal hashes, some of them sampled.
//
//   java -cp paimon-bundle-1.4.2.jar ThetaPairs.java 60 9 600 1 theta.bin
//   java -cp paimon-bundle-1.4.2.jar ThetaPairs.java 3 13 9000 1 more.bin; cat more.bin >> theta.bin
import java.io.*;
import java.util.Random;
import org.apache.paimon.shade.org.apache.datasketches.common.Family;
import org.apache.paimon.shade.org.apache.datasketches.theta.*;
import org.apache.paimon.utils.ThetaSketch;

public class ThetaPairs {
    static byte[] make(Random random, int max, int most) {
        int lg = 4 + random.nextInt(max - 3);
        UpdateSketchBuilder builder = UpdateSketch.builder().setNominalEntries(1 << lg);
        if (lg >= 9 && random.nextInt(3) == 0) builder.setFamily(Family.ALPHA);
        if (random.nextInt(6) == 0) builder.setP(0.5f);
        UpdateSketch sketch = builder.build();
        long count = random.nextInt(10) == 0 ? 0 : random.nextInt(5) == 0 ? 1 : (long) (random.nextDouble() * most);
        long from = random.nextInt(2) == 0 ? 0 : random.nextInt(most);
        for (long value = from; value < from + count; value++) sketch.update(value);
        return random.nextInt(2) == 0 ? sketch.toByteArray() : sketch.compact(random.nextBoolean(), null).toByteArray();
    }

    static void put(DataOutputStream out, byte[] bytes) throws IOException {
        out.writeInt(Integer.reverseBytes(bytes.length));
        out.write(bytes);
    }

    public static void main(String[] words) throws IOException {
        int cases = Integer.parseInt(words[0]), max = Integer.parseInt(words[1]), most = Integer.parseInt(words[2]);
        Random random = new Random(Long.parseLong(words[3]));
        try (DataOutputStream out = new DataOutputStream(new BufferedOutputStream(new FileOutputStream(words[4])))) {
            for (int i = 0; i < cases; i++) {
                byte[] acc = make(random, max, most), in = make(random, max, most);
                put(out, acc);
                put(out, in);
                put(out, ThetaSketch.union(acc, in));
            }
        }
    }
}
