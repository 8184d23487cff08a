package io.swav.common;

import java.util.Optional;
import picocli.CommandLine;
import picocli.CommandLine.IVersionProvider;

/** The output of every command's {@code --version}: the version of this build, which its jar holds. */
public final class Version implements IVersionProvider {
    /** Adds {@code --version} to {@code command} and all its subcommands. */
    public static CommandLine of(CommandLine command) {
        command.getCommandSpec().versionProvider(new Version());
        command.getSubcommands().values().forEach(Version::of);
        return command;
    }

    @Override
    public String[] getVersion() {
        String version = Optional.ofNullable(Version.class.getPackage().getImplementationVersion())
                .orElse("unknown: not run from a jar");
        return new String[] {"SwAV Operator " + version};
    }
}
