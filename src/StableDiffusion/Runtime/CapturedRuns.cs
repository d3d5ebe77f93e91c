using System.Globalization;
using Microsoft.ML.OnnxRuntime;

namespace StableDiffusion;

/// <summary>
/// Runs of one network that the device captures once for each set of shapes, and from then on replays as a whole (CUDA graphs): without the processor starting its
/// kernels one by one. A replay reads and writes where the captured run did, so inputs and outputs have places on the device that stay, and are copied there and
/// back. These stay as long as the network, for the next picture of the same shapes.
/// </summary>
/// <remarks>ONNX Runtime keeps what it captured by the thread that ran: on another one the first run of a set of shapes is captured again.</remarks>
internal sealed class CapturedRuns(InferenceSession session, OnnxRuntimeHost host) : IDisposable
{
    /// <summary>The setting of a run by which ONNX Runtime tells graphs apart (onnxruntime_run_options_config_keys.h).</summary>
    private const string GraphKey = "gpu_graph_id";

    private readonly List<Places> _all = [];
    private readonly Dictionary<string, Stack<Places>> _idle = [];
    private readonly Dictionary<string, DeviceCopy> _copies = [];

    /// <summary>Has a run captured nothing and replay nothing.</summary>
    public static void Exclude(RunOptions options) => options.AddRunConfigEntry(GraphKey, "-1");

    /// <summary>Binds buffers to places that no other binding has at the same time.</summary>
    /// <param name="constant">Inputs that are filled already, and copied now.</param>
    /// <param name="changing">Inputs that are filled before each run.</param>
    /// <param name="output">Where the output goes.</param>
    public IOnnxBinding Bind(IReadOnlyList<OnnxBuffer> constant, IReadOnlyList<OnnxBuffer> changing, OnnxBuffer output)
    {
        var key = string.Join('\n', [.. constant.Select(Describe), .. changing.Select(Describe), Describe(output)]);
        if (!_idle.TryGetValue(key, out var idle))
        {
            _idle[key] = idle = new();
        }

        if (!idle.TryPop(out var places))
        {
            // ONNX Runtime keeps 0 for itself.
            places = new Places(session, host, (_all.Count + 1).ToString(CultureInfo.InvariantCulture), constant, changing, output);
            _all.Add(places);
        }

        Copy(constant.Select(input => (input, input.Value, places[input])));
        return new Binding(this, places, changing, output, () => idle.Push(places));
    }

    public void Dispose()
    {
        // Copies first: what they copied last is freed by the allocator of its places.
        foreach (var copy in _copies.Values)
        {
            copy.Dispose();
        }

        _all.ForEach(places => places.Dispose());
    }

    private static string Describe(OnnxBuffer buffer) => $"{buffer.Name} {buffer.Type} {string.Join(',', buffer.Shape)}";

    /// <summary>Copies tensors of these buffers' types, by a network for these types that stays as long as this one.</summary>
    private void Copy(params IEnumerable<(OnnxBuffer Buffer, OrtValue From, OrtValue To)> tensors)
    {
        (OnnxBuffer Buffer, OrtValue From, OrtValue To)[] all = [.. tensors];
        if (all.Length == 0)
        {
            return;
        }

        var key = string.Join(' ', all.Select(one => one.Buffer.Type));
        if (!_copies.TryGetValue(key, out var copy))
        {
            _copies[key] = copy = new DeviceCopy(host, [.. all.Select(one => one.Buffer.Type)]);
        }

        copy.Copy([.. all.Select(one => one.From)], [.. all.Select(one => one.To)]);
    }

    private sealed class Binding(CapturedRuns runs, Places places, IReadOnlyList<OnnxBuffer> changing, OnnxBuffer output, Action release) : IOnnxBinding
    {
        public void Run(RunOptions options)
        {
            runs.Copy(changing.Select(input => (input, input.Value, places[input])));
            places.Run(options);
            runs.Copy((output, places[output], output.Value));
        }

        public void Dispose() => release();
    }

    /// <summary>Inputs and the output of one graph on the device, by their names.</summary>
    private sealed class Places : IDisposable
    {
        private readonly InferenceSession _session;
        private readonly string _graph;
        private readonly List<IDisposable> _made = [];
        private readonly Dictionary<string, OrtValue> _values = [];
        private readonly OrtIoBinding _binding;

        public Places(
            InferenceSession session, OnnxRuntimeHost host, string graph, IReadOnlyList<OnnxBuffer> constant, IReadOnlyList<OnnxBuffer> changing, OnnxBuffer output)
        {
            (_session, _graph) = (session, graph);
            try
            {
                var device = Made(host.DeviceMemory());
                var allocator = Made(new OrtAllocator(session, device));
                _binding = Made(session.CreateIoBinding());
                foreach (var buffer in constant.Concat(changing).Append(output))
                {
                    _values[buffer.Name] = Made(OrtValue.CreateAllocatedTensorValue(allocator, buffer.Type, buffer.Shape));
                }

                foreach (var input in constant.Concat(changing))
                {
                    _binding.BindInput(input.Name, this[input]);
                }

                _binding.BindOutput(output.Name, this[output]);
            }
            catch
            {
                Dispose();
                throw;
            }
        }

        public OrtValue this[OnnxBuffer buffer] => _values[buffer.Name];

        public void Run(RunOptions options)
        {
            options.AddRunConfigEntry(GraphKey, _graph);
            _session.RunWithBinding(options, _binding);
        }

        public void Dispose()
        {
            for (var i = _made.Count - 1; i >= 0; i--)
            {
                _made[i].Dispose();
            }
        }

        private T Made<T>(T one)
            where T : IDisposable
        {
            _made.Add(one);
            return one;
        }
    }
}
