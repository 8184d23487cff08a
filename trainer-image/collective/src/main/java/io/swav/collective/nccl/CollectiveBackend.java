package io.swav.collective.nccl;

import io.swav.collective.nccl.NcclLibrary.Versions;
import io.swav.torch.TorchRuntime;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The library that this trainer's collectives use: NCCL or TCP sockets.
 *
 * @param nccl versions of NCCL and CUDA that were loaded; empty for TCP
 * @param why the choice and its reason, for logs
 */
public record CollectiveBackend(Optional<Versions> nccl, String why) {
    /** The user's choice. */
    public enum Preference {
        /** NCCL if its library is found and libtorch computes on a GPU, otherwise TCP. */
        Auto,
        Nccl,
        Tcp
    }

    /**
     * What this machine offers.
     *
     * @param missing libraries that NCCL needs and that were not found
     * @param failure why the libraries that were found cannot be loaded; null if they can
     * @param versions versions of the libraries, once loaded
     * @param torchOnGpu whether libtorch computes on a GPU
     */
    record Availability(
            List<String> missing, @Nullable String failure, Optional<Versions> versions, boolean torchOnGpu) {
        static Availability look(Map<String, String> env) {
            TorchRuntime.start(); // first: find() prefers the libraries that it loads
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
     * Examines the machine, unless TCP is requested, and loads the libraries of the backend that it chooses.
     *
     * @throws IllegalArgumentException if NCCL is requested but unavailable; the message names what is missing
     */
    public static CollectiveBackend make(Preference wanted, Map<String, String> env) {
        return wanted == Preference.Tcp ? tcp("requested") : of(wanted, Availability.look(env));
    }

    static CollectiveBackend of(Preference wanted, Availability machine) {
        Optional<String> obstacle = obstacle(machine);
        if (wanted == Preference.Nccl && obstacle.isPresent()) {
            throw new IllegalArgumentException("NCCL is requested, but " + obstacle.get());
        }
        if (wanted == Preference.Auto && obstacle.isEmpty() && !machine.torchOnGpu()) {
            return tcp("this libtorch computes on the CPU");
        }
        return obstacle.map(CollectiveBackend::tcp)
                .orElseGet(() -> new CollectiveBackend(
                        machine.versions(),
                        machine.versions().orElseThrow() + (wanted == Preference.Nccl ? ", requested" : "")));
    }

    /** Returns the reason why NCCL is unavailable, if it is. */
    private static Optional<String> obstacle(Availability machine) {
        if (!machine.missing().isEmpty()) {
            return Optional.of("this machine does not have " + String.join(", ", machine.missing()));
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
