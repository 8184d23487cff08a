package io.swav.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.api.SwavJobSpec;
import io.swav.data.Batches;
import io.swav.tensor.Torch;
import java.util.List;
import picocli.CommandLine;

/** The train command with a {@link ToyMachine}; {@link #main} is what the process tests start. */
final class ToyWorkshop implements Workshop {
    @Override
    public void checkKernels(SwavJobSpec spec) {
        Torch.start(); // a toy model adds and multiplies
    }

    public static void main(String[] arguments) {
        System.exit(new CommandLine(new TrainCommand(new ToyWorkshop(), System.getenv())).execute(arguments));
    }

    @Override
    public Batches batches(SwavJobSpec spec) {
        return new ToyBatches();
    }

    @Override
    public StepMachine machine(SwavJobSpec spec, NDManager root, long stepsPerEpoch) {
        return new ToyMachine(root, spec.training().seed(), spec.training().groups());
    }

    private static final class ToyBatches implements Batches {
        @Override
        public long samples() {
            return 1000;
        }

        @Override
        public long stepsPerEpoch() {
            return 10;
        }

        @Override
        public long skipped() {
            return 0;
        }

        @Override
        public List<NDArray> group(NDManager manager, long step, int group) {
            return List.of(manager.full(new Shape(1), step * .37f + group));
        }

        @Override
        public int[] samples(long step, int group) {
            return new int[] {(int) step % 10 * 100 + group};
        }

        @Override
        public void expect(long step, int fromGroup, int toGroup) {}

        @Override
        public void close() {}
    }
}
