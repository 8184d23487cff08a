package io.swav.images;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.charts.ProjectFiles;
import io.swav.trainer.Main;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.xpath.XPath;
import javax.xml.xpath.XPathConstants;
import javax.xml.xpath.XPathFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.w3c.dom.Document;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;

/** Checks that Jib and Docker build the same image, and that chart and examples name it. */
class ImagesTest {
    /** The parent of both images. */
    private static final Path IMAGES = ProjectFiles.PROJECT.resolve("tools/images");

    private static final Path OPERATOR = ProjectFiles.PROJECT.resolve("operator/image");
    private static final Path TRAINER = ProjectFiles.PROJECT.resolve("trainer-image/image");
    private static final String CONTAINER =
            "//*[local-name()='artifactId'][.='jib-maven-plugin']/..//*[local-name()='container']";

    @Test
    void theTagIsTheChartsAndTheProjects() throws Exception {
        String tag = property(pom(IMAGES), "swav.image.tag");
        assertThat(Files.readString(ProjectFiles.PROJECT.resolve("charts/swav-operator/Chart.yaml")))
                .contains("\nappVersion: " + tag + "\n");
        assertThat(text(pom(ProjectFiles.PROJECT), "/*/*[local-name()='version']")
                        .replace("-SNAPSHOT", ""))
                .isEqualTo(tag);
        String repository = property(pom(IMAGES), "swav.image.repository");
        for (String example : List.of("restricted", "quickstart", "bucket")) {
            assertThat(Files.readString(ProjectFiles.PROJECT.resolve("examples/" + example + ".yaml")))
                    .contains("image: " + repository + "/swav-trainer:" + tag + "\n");
        }
    }

    @Test
    void usersAreThoseOfChartAndExample() throws Exception {
        assertThat(property(pom(OPERATOR), "swav.user")).isEqualTo("65532:65532");
        assertThat(Files.readString(ProjectFiles.PROJECT.resolve("charts/swav-operator/values.yaml")))
                .contains("runAsUser: 65532", "runAsGroup: 65532", "readOnlyRootFilesystem: true");
        assertThat(property(pom(TRAINER), "swav.user")).isEqualTo("10001:10001");
        assertThat(Files.readString(ProjectFiles.PROJECT.resolve("examples/restricted.yaml")))
                .contains("runAsUser: 10001", "runAsGroup: 10001", "readOnlyRootFilesystem: true");
    }

    @ParameterizedTest
    @ValueSource(strings = {"operator", "trainer"})
    void dockerfileAndJibAgree(String image) throws Exception {
        Document pom = pom(folder(image));
        String docker = Files.readString(folder(image).resolve("Dockerfile"));
        String main = property(pom, "swav.main");
        assertThat(docker)
                .contains("\nARG BASE=" + property(pom(IMAGES), "swav.base.image") + "\n")
                .contains("\nUSER " + property(pom, "swav.user") + "\n")
                .contains("\nENTRYPOINT [" + quoted(entrypoint(main)) + "]\n");
        assertThat(folder(image)
                        .resolveSibling(image.equals("trainer") ? "trainer/src" : "src")
                        .resolve("main/java/" + main.replace('.', '/') + ".java"))
                .exists();
        List<String> arguments = texts(pom, CONTAINER + "/*[local-name()='args']/*");
        assertThat(docker.contains("\nCMD [" + quoted(arguments) + "]\n")).isEqualTo(!arguments.isEmpty());

        Map<String, String> jib = new TreeMap<>();
        NodeList environment = (NodeList)
                xpath().evaluate(CONTAINER + "/*[local-name()='environment']/*", pom, XPathConstants.NODESET);
        for (int i = 0; i < environment.getLength(); i++) {
            Node variable = environment.item(i);
            jib.put(variable.getNodeName(), filled(variable.getTextContent(), pom));
        }
        assertThat(environment(docker)).isEqualTo(jib);
    }

    @ParameterizedTest
    @ValueSource(strings = {"operator", "trainer"})
    void optionFilesContainOnlyOptions(String image) throws IOException {
        assertThat(Files.readAllLines(folder(image).resolve("options")))
                .allMatch(line -> line.startsWith("-") || line.startsWith("#"));
    }

    /** Otherwise measurements and runs on this machine would not represent pods. */
    @Test
    void theTrainerHasTheSameSettingsWithoutAnImage() throws Exception {
        assertThat(Files.readAllLines(TRAINER.resolve("options"))).containsAll(Main.JVM_OPTIONS);
        assertThat(environment(Files.readString(TRAINER.resolve("Dockerfile")))).containsAllEntriesOf(Main.ENVIRONMENT);
    }

    /** The base of the CUDA image has a libtorch of its own; one for CPUs would be a second one. */
    @Test
    void theImageForCudaContainsNoLibtorchForCpus() throws Exception {
        assertThat(texts(
                        pom(TRAINER),
                        "//*[local-name()='profile'][*[local-name()='id']='cuda']//*[local-name()='exclusion']"
                                + "/*[local-name()='artifactId']"))
                .containsExactly("pytorch-native-cpu");
    }

    private static Path folder(String image) {
        return image.equals("operator") ? OPERATOR : TRAINER;
    }

    private static List<String> entrypoint(String main) throws Exception {
        List<String> parts = new ArrayList<>(texts(pom(IMAGES), CONTAINER + "/*[local-name()='entrypoint']/*"));
        parts.replaceAll(part -> part.replace("${swav.main}", main));
        return parts;
    }

    private static String quoted(List<String> parts) {
        return "\"" + String.join("\", \"", parts) + "\"";
    }

    /** The ENV entries of a Dockerfile, with its build arguments at their defaults. */
    private static Map<String, String> environment(String docker) {
        Map<String, String> arguments = new TreeMap<>();
        Map<String, String> environment = new TreeMap<>();
        for (String line : docker.lines().toList()) {
            Matcher pair = Pattern.compile("([A-Z_]+)=(\\S+)").matcher(line);
            while (line.startsWith("ARG ") && pair.find()) {
                arguments.put("${" + pair.group(1) + "}", pair.group(2));
            }
            pair.reset();
            while (line.startsWith("ENV ") && pair.find()) {
                environment.put(pair.group(1), arguments.getOrDefault(pair.group(2), pair.group(2)));
            }
        }
        return environment;
    }

    private static String filled(String text, Document pom) throws Exception {
        return switch (text) {
            case "${libtorch.version}" -> property(pom(ProjectFiles.PROJECT), "libtorch.version");
            case "${swav.torch.folder}" -> property(pom, "swav.torch.folder");
            case "${swav.torch.flavor}" -> property(pom, "swav.torch.flavor");
            default -> text;
        };
    }

    private static Document pom(Path folder) throws Exception {
        return DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(folder.resolve("pom.xml").toFile());
    }

    private static String property(Document pom, String name) throws Exception {
        return text(pom, "/*/*[local-name()='properties']/*[local-name()='" + name + "']");
    }

    private static String text(Document pom, String path) throws Exception {
        List<String> found = texts(pom, path);
        assertThat(found).as(path).hasSize(1);
        return found.get(0);
    }

    private static List<String> texts(Document pom, String path) throws Exception {
        NodeList nodes = (NodeList) xpath().evaluate(path, pom, XPathConstants.NODESET);
        List<String> texts = new ArrayList<>();
        for (int i = 0; i < nodes.getLength(); i++) {
            texts.add(nodes.item(i).getTextContent().strip());
        }
        return texts;
    }

    private static XPath xpath() {
        return XPathFactory.newInstance().newXPath();
    }
}
