package io.swav.data;

import picocli.CommandLine.Command;

/** {@code swav data}: creates, packs, indexes, checks and shows data sets. */
@Command(
        name = "data",
        description = "Creates, packs, indexes, checks and shows data sets.",
        mixinStandardHelpOptions = true,
        subcommands = {
            DataSynthCommand.class,
            DataPackCommand.class,
            DataIndexCommand.class,
            DataStatCommand.class,
            DataVerifyCommand.class,
            DataShowCommand.class
        })
public final class DataCommand {}
