using System.Diagnostics;
using System.Globalization;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using StableDiffusion;

// What our denoising loop costs over bare calls of ONNX Runtime: the same network, the same shapes, the same number of calls, in turn.
// Prints the ratio of each pair and the median. Usage: StableDiffusion.Benchmarks [MODEL FOLDER] [STEPS] [PAIRS]
var folder = args.Length > 0 ? args[0] : "models/emoji-256";
var steps = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 25;
var pairs = args.Length > 2 ? int.Parse(args[2], CultureInfo.InvariantCulture) : 9;

using var pipeline = TextToImagePipeline.Load(folder, new PipelineOptions { Device = ExecutionDevice.Cpu, FuseAttention = false });
var request = new ImageRequest { Prompt = "a red apple, 3d render", Steps = steps, GuidanceScale = 3, Scheduler = "ddim" };
var latents = pipeline.Generate(request).Single().Latents;
using var bare = new BareNetwork(Path.Combine(folder, "unet", "model.onnx"), latents);
bare.Run(steps);

Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{pipeline.Folder.Name}, {steps} steps of 2 x {latents.Channels} x {latents.Height} x {latents.Width}; seconds"));
var ratios = new List<double>();
for (var pair = 0; pair < pairs; pair++)
{
    // Each goes first every other time, so that what warms up or slows down favours neither.
    double ours = 0, theirs = 0;
    foreach (var ourTurn in pair % 2 == 0 ? (bool[])[true, false] : [false, true])
    {
        if (ourTurn)
        {
            ours = pipeline.Generate(request).Single().Timings.Denoising.TotalSeconds;
        }
        else
        {
            // Our loop follows the text encoder and the decoder of the picture before, which cool the caches; so does this one.
            _ = pipeline.Generate(request with { Steps = 1 }).Single();
            theirs = bare.Run(steps).TotalSeconds;
        }
    }

    ratios.Add(ours / theirs);
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"pipeline {ours:0.000}  bare {theirs:0.000}  ratio {ours / theirs:0.000}"));
}

ratios.Sort();
Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"median ratio {ratios[pairs / 2]:0.000} (from {ratios[0]:0.000} to {ratios[^1]:0.000})"));

/// <summary>The UNet and nothing else, fed the same noise again and again.</summary>
internal sealed class BareNetwork : IDisposable
{
    private const int Rows = 2;

    private readonly InferenceSession _session;
    private readonly string[] _names;
    private readonly OrtValue[] _inputs;
    private readonly OrtValue _output;

    public BareNetwork(string path, Latents latents)
    {
        using var options = new SessionOptions();
        _session = new InferenceSession(path, options);
        _names = [.. _session.InputMetadata.Keys];
        _inputs = [.. _session.InputMetadata.Values.Zip(_names, (metadata, name) => Input(name, metadata, latents))];
        _output = Value<float>([Rows, latents.Channels, latents.Height, latents.Width]);
    }

    public TimeSpan Run(int calls)
    {
        using var options = new RunOptions();
        string[] outputs = [.. _session.OutputMetadata.Keys.Take(1)];
        var start = Stopwatch.GetTimestamp();
        for (var call = 0; call < calls; call++)
        {
            _session.Run(options, _names, _inputs, outputs, [_output]);
        }

        return Stopwatch.GetElapsedTime(start);
    }

    public void Dispose()
    {
        foreach (var input in _inputs)
        {
            input.Dispose();
        }

        _output.Dispose();
        _session.Dispose();
    }

    private static OrtValue Input(string name, NodeMetadata metadata, Latents latents)
    {
        long[] shape = name switch
        {
            "sample" => [Rows, latents.Channels, latents.Height, latents.Width],
            "timestep" => [.. metadata.Dimensions.Select(_ => 1L)],
            "encoder_hidden_states" => [Rows, metadata.Dimensions[1] > 0 ? metadata.Dimensions[1] : TextLength(metadata), metadata.Dimensions[2]],
            _ => throw new NotSupportedException($"The benchmark knows no input {name}."),
        };
        return metadata.ElementDataType == TensorElementType.Int64 ? Value<long>(shape) : Value<float>(shape);
    }

    // The text lengths of the models this is run on: CLIP's 77 tokens, and 24 of the embedded model, which is 256 wide.
    private static long TextLength(NodeMetadata metadata) => metadata.Dimensions[2] == 256 ? 24 : 77;

    private static OrtValue Value<T>(long[] shape)
        where T : unmanaged
    {
        var values = new T[shape.Aggregate(1L, (length, size) => length * size)];
        if (values is float[] floats)
        {
            new TorchRandom(0).Draw(floats);
        }

        return OrtValue.CreateTensorValueFromMemory(values, shape);
    }
}
