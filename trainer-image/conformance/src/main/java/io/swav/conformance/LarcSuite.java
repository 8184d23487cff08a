package io.swav.conformance;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.collective.Collective;
import io.swav.model.FlatLayout;
import io.swav.model.Larc;
import io.swav.torch.TorchOps;
import io.swav.torch.TorchRuntime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/** Checks {@code larc_*.npz}: parameters and momentum after every step. */
final class LarcSuite implements Suite {
    private static final double TOLERANCE = 1e-6;
    private static final String INIT = "init/";

    @Override
    public void run(Fixture fixture, Collective world, CaseReport report) {
        try (NpzFile arrays = fixture.arrays();
                NDManager manager = TorchRuntime.root()) {
            steps(arrays, manager, fixture.stem(), report);
        }
    }

    private static void steps(NpzFile arrays, NDManager manager, String name, CaseReport report) {
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
            Map<String, NDArray> gradients = new LinkedHashMap<>();
            for (String parameter : parameters.keySet()) {
                NDArray gradient = arrays.array(manager, "grad" + suffix + parameter);
                if (!Float.isNaN(gradient.sum().getFloat())) {
                    gradients.put(parameter, gradient);
                }
            }
            step(manager, larc, parameters, gradients, velocities, rates[step]);
            report.accept(
                    worst(arrays, "param" + suffix, parameters).against(name + "/step" + step + " param", TOLERANCE));
            report.accept(worst(arrays, "momentum" + suffix, velocities)
                    .against(name + "/step" + step + " momentum", TOLERANCE));
        }
    }

    /** Lays out the parameters that have a gradient, steps, and copies them back. */
    private static void step(
            NDManager manager,
            Larc larc,
            Map<String, NDArray> parameters,
            Map<String, NDArray> gradients,
            Map<String, NDArray> velocities,
            double rate) {
        try (NDManager scope = manager.newSubManager()) {
            FlatLayout layout = new FlatLayout();
            gradients.forEach(
                    (name, gradient) -> layout.add(name, gradient.getShape().getShape()));
            List<NDArray> flats = new ArrayList<>();
            List<Map<String, NDArray>> views = new ArrayList<>();
            for (Map<String, NDArray> from : List.of(parameters, gradients, velocities)) {
                NDArray flat = scope.zeros(new Shape(layout.size()));
                Map<String, NDArray> places = layout.views(scope, flat, 0);
                copy(from, places, places.keySet());
                flats.add(flat);
                views.add(places);
            }
            Larc.Norms norms = Larc.Norms.of(
                    scope,
                    List.copyOf(views.get(0).values()),
                    List.copyOf(views.get(1).values()));
            Larc.Flat flat = new Larc.Flat(flats.get(0), flats.get(1), flats.get(2), layout.owners(scope));
            larc.step(scope, flat, norms, rate);
            copy(views.get(0), parameters, gradients.keySet());
            copy(views.get(2), velocities, gradients.keySet());
        }
    }

    private static void copy(Map<String, NDArray> from, Map<String, NDArray> to, Set<String> names) {
        for (String name : names) {
            TorchOps.copy(Objects.requireNonNull(from.get(name), name), Objects.requireNonNull(to.get(name), name));
        }
    }

    private static MaxError worst(NpzFile arrays, String prefix, Map<String, NDArray> actual) {
        MaxError worst = new MaxError();
        actual.forEach((parameter, values) -> {
            // no momentum is stored for a parameter that never had a gradient
            if (arrays.has(prefix + parameter)) {
                worst.add(
                        parameter, ErrorMetrics.relativeL2(arrays.doubles(prefix + parameter), values.toFloatArray()));
            }
        });
        return worst;
    }
}
