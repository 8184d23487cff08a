package io.swav.checkpoint.pytorch;

import io.swav.api.Shown;
import io.swav.checkpoint.pytorch.PickleReader.Inert;
import io.swav.checkpoint.pytorch.PickleReader.Tuple;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The names of Python's classes and functions that a file of weights may have. Those that make tensors and dictionaries
 * are imitated; the rest become an {@link Inert}. A name that is not listed here is refused, whatever it is, and nothing
 * is ever looked up or run.
 */
final class PickleGlobals {
    /** A listed name. */
    record Known(String name, Role role) {}

    /** What a listed name is used for. */
    enum Role {
        Dictionary,
        Tensor,
        Parameter,
        Typed,
        Storage,
        Size,
        Ignored
    }

    /**
     * The elements that tensors view.
     *
     * @param key names it in the file
     * @param elements of the whole storage
     */
    record StorageRef(ElementType type, String key, long elements) {}

    /** A view of a storage; offset and strides are counted in elements. */
    record TensorRef(StorageRef storage, long offset, List<Long> shape, List<Long> strides) {}

    private static final int STORAGE_ID = 5;
    private static final int MAX_DIMENSIONS = 8;
    /** Far more than any file has; their bytes can be counted. */
    private static final long MAX_ELEMENTS = 1L << 56;

    private static final Map<String, Role> ROLES = Map.ofEntries(
            Map.entry("collections.OrderedDict", Role.Dictionary),
            Map.entry("torch._utils._rebuild_tensor", Role.Tensor),
            Map.entry("torch._utils._rebuild_tensor_v2", Role.Tensor),
            Map.entry("torch._utils._rebuild_parameter", Role.Parameter),
            Map.entry("torch._utils._rebuild_parameter_with_state", Role.Parameter),
            Map.entry("torch._tensor._rebuild_from_type_v2", Role.Typed),
            Map.entry("torch.Size", Role.Size));

    /** Names of what stands beside weights: arguments, counters, states of random generators and schedulers. */
    private static final Set<String> IGNORED = Set.of(
            "argparse.Namespace",
            "collections.defaultdict",
            "collections.Counter",
            "collections.deque",
            "datetime.datetime",
            "datetime.timedelta",
            "pathlib.PosixPath",
            "pathlib.PurePosixPath",
            "pathlib.Path",
            "_codecs.encode",
            "copy_reg._reconstructor",
            "copyreg._reconstructor",
            "torch.device",
            "torch.nn.parameter.Parameter",
            "torch.nn.parameter.Buffer",
            "torch.Tensor",
            "torch.serialization._get_layout",
            "numpy.dtype",
            "numpy.ndarray",
            "numpy.core.multiarray.scalar",
            "numpy.core.multiarray._reconstruct",
            "numpy._core.multiarray.scalar",
            "numpy._core.multiarray._reconstruct");

    private static final Set<String> INERT_BUILTINS = Set.of(
            "set",
            "frozenset",
            "bytearray",
            "complex",
            "object",
            "int",
            "long",
            "float",
            "str",
            "unicode",
            "bool",
            "list",
            "dict",
            "tuple",
            "slice",
            "range");

    private static final Set<String> TYPES = Set.of(
            "float32",
            "float64",
            "float16",
            "bfloat16",
            "int64",
            "int32",
            "int16",
            "int8",
            "uint8",
            "bool",
            "contiguous_format",
            "channels_last",
            "preserve_format",
            "strided");

    private final Map<String, StorageRef> storages = new LinkedHashMap<>();

    /** Returns the storages that tensors of the file view, by key. */
    Map<String, StorageRef> storages() {
        return storages;
    }

    /**
     * Returns what stands for a name.
     *
     * @throws PyTorchFileException if it is not listed
     */
    Object find(String module, String name) throws PyTorchFileException {
        String full = module + "." + name;
        Role role = ROLES.get(full);
        if (role != null) {
            return new Known(full, role);
        }
        boolean torch = module.equals("torch") || module.equals("torch.cuda");
        if (torch && ElementType.ofStorage(name).isPresent()) {
            return new Known(name, Role.Storage);
        }
        boolean builtin = module.equals("builtins") || module.equals("__builtin__");
        if (IGNORED.contains(full) || (torch && TYPES.contains(name)) || (builtin && INERT_BUILTINS.contains(name))) {
            return new Known(full, Role.Ignored);
        }
        throw new PyTorchFileException("it needs " + Shown.of(full)
                + ", which is no part of a state dict: nothing of it was run. If you trust the file, save the weights"
                + " alone, in Python: torch.save({\"state_dict\": model.state_dict()}, FILE)");
    }

    /** Returns what the call of a listed name makes. */
    Object call(Object callee, List<Object> arguments) throws PyTorchFileException {
        if (!(callee instanceof Known known)) {
            if (callee instanceof Inert) {
                return callee;
            }
            throw PickleReader.damaged();
        }
        return switch (known.role()) {
            case Dictionary -> dictionary(arguments);
            case Tensor -> tensor(arguments);
            case Parameter -> first(arguments);
            case Typed -> typed(arguments);
            case Size -> first(arguments);
            case Storage, Ignored -> new Inert(known.name());
        };
    }

    /** Returns the storage that a persistent id names: {@code ("storage", class, key, device, elements)}. */
    Object persistent(Object id) throws PyTorchFileException {
        if (!(id instanceof Tuple tuple) || tuple.items().isEmpty()) {
            throw PickleReader.damaged();
        }
        List<Object> items = tuple.items();
        if ("module".equals(items.get(0))) {
            throw new PyTorchFileException("it holds a whole model, whose code would be needed, instead of a state"
                    + " dict: save model.state_dict()");
        }
        if (items.size() < STORAGE_ID
                || !"storage".equals(items.get(0))
                || !(items.get(1) instanceof Known known && known.role() == Role.Storage)
                || !(items.get(2) instanceof String key)
                || !(items.get(4) instanceof Long elements)
                || elements < 0
                || elements > MAX_ELEMENTS) {
            throw PickleReader.damaged();
        }
        if (items.size() > STORAGE_ID && items.get(STORAGE_ID) != PickleReader.None.NONE) {
            throw new PyTorchFileException("it was written by PyTorch 0.3 or earlier, whose views of storages are not"
                    + " read: load it with PyTorch and save it again");
        }
        ElementType type = ElementType.ofStorage(known.name()).orElseThrow(PickleReader::damaged);
        StorageRef storage = new StorageRef(type, key, elements);
        StorageRef before = storages.putIfAbsent(key, storage);
        if (before != null && !before.equals(storage)) {
            throw new PyTorchFileException(
                    "its storage " + Shown.of(key) + " is described in two ways: " + before + " and " + storage);
        }
        return storage;
    }

    private static Object dictionary(List<Object> arguments) throws PyTorchFileException {
        PickleDict dict = new PickleDict();
        if (!arguments.isEmpty() && first(arguments) instanceof List<?> pairs) {
            for (Object pair : pairs) {
                List<?> items =
                        pair instanceof Tuple tuple ? tuple.items() : pair instanceof List<?> of ? of : List.of();
                if (items.size() != 2) {
                    throw PickleReader.damaged();
                }
                dict.put(items.get(0), items.get(1));
            }
        }
        return dict;
    }

    private static Object typed(List<Object> arguments) throws PyTorchFileException {
        if (arguments.size() >= 3
                && arguments.get(0) instanceof Known known
                && known.role() == Role.Tensor
                && arguments.get(2) instanceof Tuple of) {
            return tensor(of.items());
        }
        throw PickleReader.damaged();
    }

    private static TensorRef tensor(List<Object> arguments) throws PyTorchFileException {
        if (arguments.size() < 4
                || !(arguments.get(0) instanceof StorageRef storage)
                || !(arguments.get(1) instanceof Long offset)
                || offset < 0) {
            throw PickleReader.damaged();
        }
        List<Long> shape = sides(arguments.get(2));
        List<Long> strides = sides(arguments.get(3));
        TensorRef tensor = new TensorRef(storage, offset, shape, strides);
        if (shape.size() != strides.size()) {
            throw PickleReader.damaged();
        }
        if (end(tensor).filter(last -> last <= storage.elements()).isEmpty()) {
            throw new PyTorchFileException("a tensor of shape " + shape + " with strides " + strides + " at " + offset
                    + " does not lie within its storage of " + storage.elements() + " elements");
        }
        return tensor;
    }

    private static List<Long> sides(Object value) throws PyTorchFileException {
        List<Long> sides = new ArrayList<>();
        for (Object side : value instanceof Tuple tuple ? tuple.items() : List.of(value)) {
            if (!(side instanceof Long number) || number < 0 || sides.size() == MAX_DIMENSIONS) {
                throw PickleReader.damaged();
            }
            sides.add(number);
        }
        return List.copyOf(sides);
    }

    /** Returns the element after the last one that a tensor views, empty if that is no number. */
    static Optional<Long> end(TensorRef tensor) {
        try {
            long last = tensor.offset();
            for (int i = 0; i < tensor.shape().size(); i++) {
                long side = tensor.shape().get(i);
                if (side == 0) {
                    return Optional.of(tensor.offset());
                }
                last = Math.addExact(
                        last, Math.multiplyExact(side - 1, tensor.strides().get(i)));
            }
            return Optional.of(Math.addExact(last, 1));
        } catch (ArithmeticException e) {
            return Optional.empty();
        }
    }

    private static Object first(List<Object> arguments) throws PyTorchFileException {
        if (arguments.isEmpty()) {
            throw PickleReader.damaged();
        }
        return arguments.get(0);
    }
}
