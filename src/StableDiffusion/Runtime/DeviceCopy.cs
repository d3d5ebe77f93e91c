using System.Globalization;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace StableDiffusion;

/// <summary>
/// Copies tensors to places on a device, or from there, by a network whose outputs are its inputs: ONNX Runtime copies to the device what a network is given, and from
/// it what is asked for elsewhere. (Its own copying of values, <see cref="OrtEnv"/>'s, knows the devices of plugins alone.)
/// </summary>
internal sealed class DeviceCopy : IDisposable
{
    private readonly InferenceSession _session;
    private readonly OrtIoBinding _binding;

    /// <param name="host">The device.</param>
    /// <param name="types">The element types of the tensors; their shapes may be any.</param>
    public DeviceCopy(OnnxRuntimeHost host, IReadOnlyList<TensorElementType> types)
    {
        using var options = host.CreateSessionOptions();
        _session = new InferenceSession(Network(types), options);
        _binding = _session.CreateIoBinding();
    }

    /// <summary>Copies each tensor to the place that stands where it stands, and returns when all of them are there.</summary>
    public void Copy(IReadOnlyList<OrtValue> tensors, IReadOnlyList<OrtValue> places)
    {
        for (var i = 0; i < tensors.Count; i++)
        {
            _binding.BindInput(Input(i), tensors[i]);
            _binding.BindOutput(Output(i), places[i]);
        }

        using var run = new RunOptions();
        _session.RunWithBinding(run, _binding);
    }

    public void Dispose()
    {
        _binding.Dispose();
        _session.Dispose();
    }

    private static string Input(int i) => string.Create(CultureInfo.InvariantCulture, $"x{i}");

    private static string Output(int i) => string.Create(CultureInfo.InvariantCulture, $"y{i}");

    /// <summary>y0 = x0, y1 = x1, …</summary>
    private static byte[] Network(IReadOnlyList<TensorElementType> types) => SmallModel.Of(
        types.Select((_, i) => new OnnxNode("Identity", [Input(i)], [Output(i)])),
        types.Select((type, i) => new OnnxValue(Input(i), (OnnxElementType)type)),
        types.Select((type, i) => new OnnxValue(Output(i), (OnnxElementType)type)));
}
