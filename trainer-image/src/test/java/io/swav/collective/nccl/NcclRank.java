package io.swav.collective.nccl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.collective.CollectiveException;
import io.swav.collective.TcpCollective;
import io.swav.golden.RankProcess;
import io.swav.tensor.Torch;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** A process that sums over the stub until rank 2 dies; the others say whom they lost, and the milliseconds it took. */
public final class NcclRank {
    private static final int LAST_SUM_OF_RANK_2 = 20;

    private NcclRank() {}

    /** Arguments: rank, size, folder of the stub. */
    public static void main(String[] args) throws IOException {
        int rank = Integer.parseInt(args[0]);
        Torch.start();
        NcclLibrary.in(List.of(Path.of(args[2]))).orElseThrow().load();
        TcpCollective sockets = (TcpCollective) RankProcess.join(rank, Integer.parseInt(args[1]));
        long last = System.nanoTime();
        try (NcclCollective world = NcclCollective.over(sockets, Communicator::close);
                NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray values = manager.zeros(new Shape(100_000));
            for (int sum = 0; sum >= 0; sum++) {
                if (rank == 2 && sum == LAST_SUM_OF_RANK_2) {
                    Runtime.getRuntime().halt(137);
                }
                last = System.nanoTime();
                world.allReduceSum(values);
            }
        } catch (CollectiveException e) {
            RankProcess.say(e.lostRank().orElse(-1) + " " + (System.nanoTime() - last) / 1_000_000);
        }
    }
}
