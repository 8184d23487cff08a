import java.nio.file.Path;

/** Replaces a missing Helm: {@code helm upgrade --install} by the library that the tests use. */
class HelmInstall {
    public static void main(String[] a) {
        var release = new com.marcnuri.helm.Helm(Path.of(a[1]))
                .upgrade()
                .install()
                .withName(a[0])
                .withNamespace(a[2])
                .disableOpenApiValidation()
                .withKubeConfig(Path.of(a[3]))
                .call();
        System.out.println(release.getName() + " " + release.getChart() + ": " + release.getStatus());
    }
}
