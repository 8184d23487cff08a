package io.swav.golden;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.collective.Collective;
import io.swav.swav.Larc;
import io.swav.tensor.Torch;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** {@code larc_*.npz}: parameters and momentum after every step. */
final class LarcSuite implements Suite {
    private static final double TOLERANCE = 1e-6;
    private static final String INIT = "init/";

    @Override
    public void run(Fixture fixture, Collective world, Consumer<GoldenCase> report) {
        try (Npz arrays = fixture.arrays();
                NDManager manager = Torch.root()) {
            Guard.run(fixture.stem(), report, name -> steps(arrays, manager, name, report));
        }
    }

    private static void steps(Npz arrays, NDManager manager, String name, Consumer<GoldenCase> report) {
        double[] rates = arrays.doubles("lr");
        Larc larc = new Larc(0.9, arrays.number("weight_decay"), 1e-3, arrays.number("clip") != 0);
        Map<String, NDArray> parameters = new LinkedHashMap<>();
        Map<String, NDArray> velocities = new LinkedHashMap<>();
        for (String key : arrays.keys()) {
            if (key.startsWith(INIT)) {
                String parameter = key.substring(INIT.length());
                NDArray values = arrays.array(manager, key);
                parameters.put(parameter, values);
                velocities.put(parameter, values.zerosLike());
            }
        }
        for (int step = 0; step < rates.length; step++) {
            String suffix = "/step" + step + "/";
            List<Larc.Slot> slots = new ArrayList<>();
            parameters.forEach((parameter, values) -> {
                NDArray gradient = arrays.array(manager, "grad" + suffix + parameter);
                NDArray velocity = velocities.get(parameter);
                if (velocity != null && !Float.isNaN(gradient.sum().getFloat())) {
                    slots.add(new Larc.Slot(values, gradient, velocity));
                }
            });
            larc.step(slots, rates[step], step);
            report.accept(
                    worst(arrays, "param" + suffix, parameters).against(name + "/step" + step + " param", TOLERANCE));
            report.accept(worst(arrays, "momentum" + suffix, velocities)
                    .against(name + "/step" + step + " momentum", TOLERANCE));
        }
    }

    private static Worst worst(Npz arrays, String prefix, Map<String, NDArray> actual) {
        Worst worst = new Worst();
        actual.forEach((parameter, values) -> {
            // no momentum is stored for a parameter that never had a gradient
            if (arrays.has(prefix + parameter)) {
                worst.add(parameter, Errors.relativeL2(arrays.doubles(prefix + parameter), values.toFloatArray()));
            }
        });
        return worst;
    }
}
