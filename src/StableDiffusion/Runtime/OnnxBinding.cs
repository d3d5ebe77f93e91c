using Microsoft.ML.OnnxRuntime;

namespace StableDiffusion;

/// <summary>
/// Inputs and outputs bound to a network for many runs. What is bound is copied to the device then and there, so that what stays the same from run to run
/// is copied once, and the rest before each run. A network on the CPU works on the buffers themselves and copies nothing, bound or not.
/// </summary>
internal sealed class OnnxBinding : IOnnxBinding
{
    private readonly InferenceSession _session;
    private readonly OrtIoBinding _binding;
    private readonly IReadOnlyList<OnnxBuffer> _changing;

    /// <param name="session">The network.</param>
    /// <param name="constant">Inputs that are filled already.</param>
    /// <param name="changing">Inputs that are filled before each run.</param>
    /// <param name="output">Where the output goes.</param>
    public OnnxBinding(InferenceSession session, IEnumerable<OnnxBuffer> constant, IReadOnlyList<OnnxBuffer> changing, OnnxBuffer output)
    {
        (_session, _binding, _changing) = (session, session.CreateIoBinding(), changing);
        foreach (var input in constant)
        {
            _binding.BindInput(input.Name, input.Value);
        }

        _binding.BindOutput(output.Name, output.Value);
    }

    public void Run(RunOptions options)
    {
        foreach (var input in _changing)
        {
            _binding.BindInput(input.Name, input.Value);
        }

        _session.RunWithBinding(options, _binding);
    }

    public void Dispose() => _binding.Dispose();
}
