using Microsoft.ML.OnnxRuntime;

namespace StableDiffusion;

/// <summary>
/// The graph of an ONNX model, held in memory to be changed. The weights stay in their files, so that a model of any size
/// is a few hundred kilobytes here. The format: onnx/onnx.proto3.
/// </summary>
/// <remarks>Producers and readers are looked up with <see cref="OnnxIndex"/>, which is made anew after changes.</remarks>
internal sealed partial class OnnxGraph
{
    /// <summary>Smaller values stay in the graph: ONNX Runtime wants to see the shapes and axes among them.</summary>
    public const int SmallestExternalBytes = 1024;

    private const int LargeGraph = 16 << 20;

    private const int OpsetField = 8;
    private const int GraphField = 7;
    private const int OpsetDomainField = 1;
    private const int OpsetVersionField = 2;

    private const int NodeField = 1;
    private const int InitializerField = 5;
    private const int InputField = 11;
    private const int OutputField = 12;
    private const int ValueInfoField = 13;

    private const string ExternalFolderEntry = "session.model_external_initializers_file_folder_path";

    // fields of the model and of the graph that are carried along unread
    private readonly ProtobufMessage _model;
    private readonly ProtobufMessage _graph;

    private OnnxGraph(ReadOnlySpan<byte> bytes, string path, string? weightFile)
    {
        Path = path;
        var (model, graph, graphs) = (new ProtobufWriter(), new ProtobufWriter(), 0);
        var reader = new ProtobufReader(bytes);
        while (reader.Next())
        {
            if (reader.Number == GraphField && reader.Wire == WireType.Length)
            {
                ReadGraph(reader.Inside, graph, weightFile);
                graphs++;
            }
            else
            {
                model.Raw(reader.Encoded);
            }
        }

        _model = ProtobufMessage.Parse(model.ToArray());
        _graph = ProtobufMessage.Parse(graph.ToArray());
        if (graphs == 0 || !_model.All(OpsetField).Any())
        {
            throw new ModelException("not an ONNX model, or only a part of one: it holds no graph.");
        }
    }

    /// <summary>The file the graph came from, for messages.</summary>
    public string Path { get; }

    /// <summary>The folder to which <see cref="OnnxFileRange.Location"/> is relative; empty for a graph that came from no file.</summary>
    public string Folder { get; set; } = "";

    public List<OnnxNode> Nodes { get; } = [];

    public List<OnnxInitializer> Initializers { get; } = [];

    /// <summary>What the graph is fed; exports before 2019 list their weights here too.</summary>
    public List<OnnxValue> Inputs { get; } = [];

    public List<OnnxValue> Outputs { get; } = [];

    /// <summary>Types of inner tensors, as far as the exporter wrote them down.</summary>
    public List<OnnxValue> ValueInfos { get; } = [];

    /// <summary>The file with big weights that edits made; null where none did.</summary>
    public MadeWeights? Made { get; private set; }

    /// <summary>Reads a model file. Its big weights are left where they are.</summary>
    /// <exception cref="ModelException">The file is missing, unreadable, or no whole ONNX model.</exception>
    public static OnnxGraph Load(string path)
    {
        try
        {
            using var file = new MappedFile(path);
            LfsPointer.Refuse(path, file.Bytes);
            var graph = new OnnxGraph(file.Bytes, path, System.IO.Path.GetFileName(path))
            {
                Folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!,
            };
            WeightFiles.FollowLinks(graph);
            return graph;
        }
        catch (ModelException e) when (!e.Message.StartsWith(path, StringComparison.Ordinal))
        {
            throw new ModelException($"{path}: {OneLine.Reason(e.Message)} Download or export it again.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{path} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Reads a model from memory, all weights that lie in it included.</summary>
    /// <exception cref="ModelException">The bytes are no whole ONNX model.</exception>
    public static OnnxGraph Parse(ReadOnlySpan<byte> bytes) => new(bytes, "the model", weightFile: null);

    /// <summary>The model as ONNX Runtime takes it. Weights in files come along as their place only.</summary>
    public byte[] ToBytes()
    {
        var graph = ProtobufMessage.Parse(_graph.ToBytes());
        graph.Replace(NodeField, WireType.Length, [.. Nodes.Select(n => ProtobufField.Of(NodeField, n.ToBytes()))]);
        graph.Replace(InitializerField, WireType.Length, [.. Initializers.Select(i => ProtobufField.Of(InitializerField, i.ToBytes()))]);
        graph.Replace(InputField, WireType.Length, [.. Inputs.Select(i => ProtobufField.Of(InputField, i.ToBytes()))]);
        graph.Replace(OutputField, WireType.Length, [.. Outputs.Select(o => ProtobufField.Of(OutputField, o.ToBytes()))]);
        graph.Replace(ValueInfoField, WireType.Length, [.. ValueInfos.Select(v => ProtobufField.Of(ValueInfoField, v.ToBytes()))]);

        var model = ProtobufMessage.Parse(_model.ToBytes());
        model.Replace(GraphField, WireType.Length, [ProtobufField.Of(GraphField, graph.ToBytes())]);
        return model.ToBytes();
    }

    /// <summary>Opens the graph as it is now; <paramref name="options"/> learn where the weights lie.</summary>
    public InferenceSession Open(SessionOptions options)
    {
        if (Folder.Length > 0)
        {
            options.AddSessionConfigEntry(ExternalFolderEntry, Folder);
        }

        var bytes = ToBytes();
        if (bytes.Length > LargeGraph || Made is not null)
        {
            // What edits left behind would lie beside the weights while these are loaded, when memory is shortest.
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        }

        return new InferenceSession(bytes, options);
    }

    /// <summary>The values of a weight, row-major and little-endian, from wherever they lie.</summary>
    /// <exception cref="ModelException">They cannot be read.</exception>
    public byte[] ReadBytes(OnnxInitializer initializer) =>
        initializer.File is { } range ? WeightFiles.Read(Folder, range) : initializer.InlineBytes();

    /// <summary>The version of an operator set that the model was written for; 0 if it uses none of that domain.</summary>
    public long OpsetVersion(string domain = "") =>
        Opsets().FirstOrDefault(o => o.Text(OpsetDomainField) == domain)?.Integer(OpsetVersionField) ?? 0;

    /// <summary>Declares a further operator set, if the model does not have it yet.</summary>
    public void AddOpset(string domain, long version)
    {
        if (Opsets().Any(o => o.Text(OpsetDomainField) == domain))
        {
            return;
        }

        var opset = new ProtobufWriter()
            .Raw(ProtobufField.Of(OpsetDomainField, domain).Encoded.Span)
            .Raw(ProtobufField.Of(OpsetVersionField, version).Encoded.Span);
        _model.Replace(OpsetField, WireType.Length, [.. _model.All(OpsetField), ProtobufField.Of(OpsetField, opset.Written)]);
    }

    private IEnumerable<ProtobufMessage> Opsets() => _model.All(OpsetField).Select(f => ProtobufMessage.Parse(f.Payload));

    private void ReadGraph(ProtobufReader reader, ProtobufWriter rest, string? weightFile)
    {
        while (reader.Next())
        {
            switch (reader.Wire == WireType.Length ? reader.Number : 0)
            {
                case NodeField:
                    Nodes.Add(new OnnxNode(reader.Payload.ToArray()));
                    break;
                case InitializerField:
                    Initializers.Add(OnnxInitializer.Read(reader.Inside, weightFile, SmallestExternalBytes));
                    break;
                case InputField:
                    Inputs.Add(new OnnxValue(reader.Payload.ToArray()));
                    break;
                case OutputField:
                    Outputs.Add(new OnnxValue(reader.Payload.ToArray()));
                    break;
                case ValueInfoField:
                    ValueInfos.Add(new OnnxValue(reader.Payload.ToArray()));
                    break;
                default:
                    rest.Raw(reader.Encoded);
                    break;
            }
        }
    }
}
