package io.swav.collective.nccl;

import io.swav.collective.nccl.NcclLibrary.Versions;
import io.swav.torch.TorchRuntime;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What carries this trainer's collectives.
 *
 * @param nccl as it was loaded; empty for TCP
 * @param why a sentence for people
 */
public record CollectiveBackend(Optional<Versions> nccl, String why) {
    /** What the user wants. */
    public enum Preference {
        /** NCCL where there is a GPU that libtorch computes on and NCCL's library, otherwise TCP. */
        Auto,
        Nccl,
        Tcp
    }

    /**
     * What this machine has.
     *
     * @param missing libraries that NCCL needs and that are nowhere
     * @param failure why those that are there cannot be loaded; null when they can
     * @param versions of them, once loaded
     * @param torchOnGpu whether libtorch computes on a GPU
     */
    record Availability(
            List<String> missing, @Nullable String failure, Optional<Versions> versions, boolean torchOnGpu) {
        static Availability look(Map<String, String> env) {
            TorchRuntime.start(); // what it loads is found first
            Optional<NcclLibrary> library = NcclLibrary.find(env);
            if (library.isEmpty()) {
                return new Availability(NcclLibrary.missing(env), null, Optional.empty(), TorchRuntime.onGpu());
            }
            try {
                NcclLogRedirect.toLog(env);
                return new Availability(
                        List.of(), null, Optional.of(library.get().load()), TorchRuntime.onGpu());
            } catch (UnsatisfiedLinkError e) {
                return new Availability(
                        List.of(), String.valueOf(e.getMessage()), Optional.empty(), TorchRuntime.onGpu());
            }
        }
    }

    /**
     * Looks at the machine, unless TCP is wanted, and loads what it chooses.
     *
     * @throws IllegalArgumentException when NCCL is wanted and cannot be had; the message says what is missing
     */
    public static CollectiveBackend make(Preference wanted, Map<String, String> env) {
        return wanted == Preference.Tcp ? tcp("asked for") : of(wanted, Availability.look(env));
    }

    static CollectiveBackend of(Preference wanted, Availability machine) {
        Optional<String> obstacle = obstacle(machine);
        if (wanted == Preference.Nccl && obstacle.isPresent()) {
            throw new IllegalArgumentException("NCCL is asked for, but " + obstacle.get());
        }
        if (wanted == Preference.Auto && obstacle.isEmpty() && !machine.torchOnGpu()) {
            return tcp("this libtorch computes on the CPU");
        }
        return obstacle.map(CollectiveBackend::tcp)
                .orElseGet(() -> new CollectiveBackend(
                        machine.versions(),
                        machine.versions().orElseThrow() + (wanted == Preference.Nccl ? ", asked for" : "")));
    }

    /** Why NCCL cannot be had. */
    private static Optional<String> obstacle(Availability machine) {
        if (!machine.missing().isEmpty()) {
            return Optional.of("this machine has no " + String.join(", ", machine.missing()));
        }
        if (machine.failure() != null) {
            return Optional.of("its libraries cannot be loaded: " + machine.failure());
        }
        return machine.versions().filter(versions -> versions.gpus() > 0).isPresent()
                ? Optional.empty()
                : Optional.of("this process sees no GPU");
    }

    private static CollectiveBackend tcp(String why) {
        return new CollectiveBackend(Optional.empty(), "TCP: " + why);
    }
}
