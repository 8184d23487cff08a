package io.swav.checkpoint.pytorch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tests that a pickle that means harm is refused by what it names, at the cost of little time and memory. */
class HostilePickleTest {
    @ParameterizedTest
    @CsvSource({
        "os, system",
        "posix, system",
        "builtins, eval",
        "builtins, getattr",
        "__builtin__, exec",
        "subprocess, Popen",
        "torch, load",
        "torch.hub, load",
        "numpy, load",
        "functools, partial",
        "torch._utils, _import_dotted_name"
    })
    void refusesANameThatIsNotListed(String module, String name) {
        assertThatThrownBy(() -> read(new Bytes().text("c" + module + "\n" + name + "\n(V/bin/true\ntR.")))
                .isInstanceOf(PyTorchFileException.class)
                .hasMessageContaining(module + "." + name)
                .hasMessageContaining("nothing of it was run");
        assertThatThrownBy(() -> read(new Bytes()
                        .string(module)
                        .string(name)
                        .op(0x93)
                        .op(')')
                        .op('R')
                        .op('.')))
                .hasMessageContaining(module + "." + name);
    }

    @Test
    void whatIsListedAndUselessIsNeitherCalledNorKept() throws IOException {
        Object value = read(new Bytes()
                .text("cargparse\nNamespace\n)")
                .op(0x81)
                .text("}(X")
                .number(1, 4)
                .text("a" + "K\1ub."));
        assertThat(value).isEqualTo(new PickleReader.Inert("argparse.Namespace"));
    }

    @Test
    void nestsAsDeeplyAsItLikes() throws IOException {
        Bytes lists = new Bytes();
        for (int i = 0; i < 500_000; i++) {
            lists.op(']');
        }
        for (int i = 1; i < 500_000; i++) {
            lists.op('a');
        }
        PickleDict dict = new PickleDict();
        dict.put("x", read(lists.op('.')));
        assertThatThrownBy(() -> StateDict.find(dict, Optional.empty())).hasMessageContaining("it holds [x]");
    }

    @Test
    void mayContainItself() throws IOException {
        PickleDict dict = (PickleDict) read(new Bytes()
                .text("}q")
                .op(0)
                .text("(h")
                .op(0)
                .text("h")
                .op(0)
                .string("x")
                .text("h")
                .op(0)
                .text("u."));
        assertThat(dict.size()).isEqualTo(2);
        assertThatThrownBy(() -> StateDict.find(dict, Optional.empty())).hasMessageContaining("it holds [x]");
    }

    @Test
    void sharedValuesAreCountedOnce() throws IOException {
        Bytes doubled = new Bytes().text("]q").op(0); // 2^30 paths lead to the first list
        for (int i = 0; i < 30; i++) {
            doubled.text("](h").op(i).text("h").op(i).text("eq").op(i + 1);
        }
        PickleDict dict = new PickleDict();
        dict.put("x", read(doubled.op('.')));
        assertThatThrownBy(() -> StateDict.find(dict, Optional.empty())).hasMessageContaining("it holds [x]");
    }

    @Test
    void tooManyOperationsEnd() {
        Bytes lists = new Bytes();
        for (int i = 0; i <= PickleReader.MAX_OPERATIONS; i++) {
            lists.op(']');
        }
        assertThatThrownBy(() -> read(lists)).hasMessageContaining("more than 2000000 operations");
    }

    @Test
    void aLengthThatLiesCostsNoMemory() {
        assertThatThrownBy(() -> read(new Bytes().op('X').number(60 << 20, 4).text("abc")))
                .hasMessageContaining("truncated");
        assertThatThrownBy(() -> read(new Bytes().op(0x8d).number(Long.MAX_VALUE, 8)))
                .hasMessageContaining("more than 67108864 bytes");
        assertThatThrownBy(() -> read(new Bytes().op(0x8e).number(-1, 8))).hasMessageContaining("more than 67108864");
        assertThatThrownBy(() -> read(new Bytes().op(0x8b).number(0xffffffffL, 4)))
                .hasMessageContaining("more than 67108864 bytes");
        assertThatThrownBy(() -> read(new Bytes().op('I').text("1".repeat(5000))))
                .hasMessageContaining("a line");
    }

    @ParameterizedTest
    @CsvSource({
        "'0.'", "'t.'", "'(1a.'", "'R.'", "'h\0.'", "'NNR.'", "'Na.'", "'}Ns.'", "'Q.'", "'NQ.'", "'Ix\n.'", "'(N0a.'"
    })
    void refusesOperationsWithoutTheirValues(String pickle) {
        assertThatThrownBy(() -> read(new Bytes().text(pickle)))
                .isInstanceOf(PyTorchFileException.class)
                .hasMessage("its pickle is damaged");
    }

    @ParameterizedTest
    @CsvSource({
        // offset, side, stride of a tensor over 4 elements
        "0, 5, 1",
        "1, 4, 1",
        "0, 2, 4",
        "4, 1, 1",
        "0, 9223372036854775807, 2",
        "9223372036854775807, 2, 1"
    })
    void refusesATensorOutsideOfItsStorage(long offset, long side, long stride) {
        assertThatThrownBy(() -> read(tensor(offset, side, stride)))
                .hasMessageContaining("does not lie within its storage");
    }

    @Test
    void knowsATensorWithinItsStorage() throws IOException {
        assertThat(read(tensor(1, 2, 2)))
                .isEqualTo(new PickleGlobals.TensorRef(
                        new PickleGlobals.StorageRef(ElementType.F32, "0", 4), 1, List.of(2L), List.of(2L)));
    }

    private static Bytes tensor(long offset, long side, long stride) {
        return new Bytes()
                .text("ctorch._utils\n_rebuild_tensor_v2\n((")
                .string("storage")
                .text("ctorch\nFloatStorage\n")
                .string("0")
                .string("cpu")
                .text("K\4tQ")
                .integer(offset)
                .text("(")
                .integer(side)
                .text("t(")
                .integer(stride)
                .text("t")
                .op(0x89)
                .text("NtR.");
    }

    private static Object read(Bytes pickle) throws IOException {
        return new PickleReader(
                        new PickleInput(new ByteArrayInputStream(pickle.out.toByteArray())), new PickleGlobals())
                .read();
    }

    /** Assembles a pickle. */
    private static final class Bytes {
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();

        Bytes op(int code) {
            out.write(code);
            return this;
        }

        Bytes text(String ascii) {
            out.writeBytes(ascii.getBytes(StandardCharsets.ISO_8859_1));
            return this;
        }

        Bytes number(long value, int bytes) {
            for (int i = 0; i < bytes; i++) {
                out.write((int) (value >> (8 * i)));
            }
            return this;
        }

        Bytes integer(long value) {
            return op(0x8a).op(8).number(value, 8);
        }

        Bytes string(String value) {
            return op('X').number(value.length(), 4).text(value);
        }
    }
}
