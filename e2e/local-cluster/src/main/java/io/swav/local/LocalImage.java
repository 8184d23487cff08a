package io.swav.local;

import java.util.List;

/**
 * A container image whose containers the nodes of a local cluster run as JVMs of this build. A module that brings one
 * registers it with {@link java.util.ServiceLoader}.
 */
public interface LocalImage {
    /** Returns the part of an image's name that stands for this image, whatever its registry and tag. */
    String namePart();

    /** Returns the options of the JVM. */
    List<String> jvmOptions();

    String mainClass();

    /** Returns the arguments that are used if a container has none. */
    List<String> arguments();
}
