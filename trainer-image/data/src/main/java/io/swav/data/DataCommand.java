package io.swav.data;

import picocli.CommandLine.Command;

/** {@code swav data}: creates, packs and shows data sets. */
@Command(
        name = "data",
        description = "Creates, packs and shows data sets.",
        mixinStandardHelpOptions = true,
        subcommands = {DataSynthCommand.class, DataPackCommand.class, DataShowCommand.class})
public final class DataCommand {}
