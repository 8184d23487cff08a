package io.swav.checkpoint;

import ai.djl.ndarray.types.DataType;
import io.swav.s3.S3Service;
import java.net.URI;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * The process that {@link KillTest} kills: it resumes, and saves step after step as fast as it can, until it is killed.
 */
final class Saver {
    static final int KEEP = 2;
    private static final int FLOATS = 300_000;

    private Saver() {}

    /** Arguments: URI, port of the S3 server or 0, generation. Prints {@code begun N} and {@code saved N}. */
    public static void main(String[] args) throws Exception {
        int port = Integer.parseInt(args[1]);
        CheckpointCatalog checkpoints = open(args[0], port);
        long step = checkpoints.newest(false).map(each -> each.state().step()).orElse(0L);
        while (true) {
            step++;
            System.out.println("begun " + step);
            checkpoints.save(checkpoint(step, Long.parseLong(args[2])));
            System.out.println("saved " + step);
        }
    }

    static CheckpointCatalog open(String uri, int port) throws Exception {
        S3Service service = port == 0 ? S3Service.AWS : S3Service.at(URI.create("http://127.0.0.1:" + port));
        return new CheckpointCatalog(StoreFactory.open(uri, service), new CheckpointCatalog.Owner("job", "cfg"), KEEP);
    }

    /** Returns values that depend on the step alone. */
    static Checkpoint checkpoint(long step, long generation) {
        CheckpointState state = new CheckpointState(step, step * 8, 31, "cfg", 2, "job", generation, "");
        return new Checkpoint(state, Map.of("conv1.weight", values(step)), Map.of("conv1.weight", values(-step)));
    }

    private static HostTensor values(long seed) {
        ByteBuffer bytes = ByteBuffer.allocateDirect(4 * FLOATS);
        SplittableRandom random = new SplittableRandom(seed);
        while (bytes.hasRemaining()) {
            bytes.putInt(random.nextInt());
        }
        return new HostTensor(DataType.INT32, List.of((long) FLOATS), bytes.clear());
    }
}
