package io.swav.cli;

import io.swav.local.ControlPlaneInstaller;
import io.swav.local.KubeBinaries;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

/** {@code swav setup} finds or builds the control plane's programs, so that later commands need not wait for them. */
@Command(
        name = "setup",
        description = "Finds, downloads or builds etcd and kube-apiserver (once per machine).",
        mixinStandardHelpOptions = true)
final class SetupCommand implements Callable<Integer> {
    @Override
    public Integer call() {
        KubeBinaries found = new ControlPlaneInstaller(System.getenv(), System.err::println).find();
        System.out.println("etcd            " + found.etcd());
        System.out.println("kube-apiserver  " + found.apiServer());
        System.out.println("controllers     "
                + found.controllerManager()
                        .map(Object::toString)
                        .orElse("none: children of deleted objects will not be collected"));
        return 0;
    }
}
