using System.Globalization;

namespace StableDiffusion;

/// <summary>
/// An execution provider of ONNX Runtime that lies in a library of its own (a "plugin"): OpenVINO's, WebGPU's, TensorRT RTX's. Operators that it
/// does not take are computed on the CPU.
/// </summary>
/// <param name="Name">What the provider calls itself, such as <c>OpenVINOExecutionProvider</c>; <c>OpenVINO</c> and small letters will do.</param>
/// <param name="LibraryPath">The library's file. It is loaded once and stays loaded until the process ends.</param>
/// <param name="DeviceIndex">Which of the devices that the provider offers, in its order.</param>
public sealed record ExecutionProvider(string Name, string LibraryPath, int DeviceIndex = 0)
{
    /// <summary>Options for the provider, which alone knows what they mean.</summary>
    public IReadOnlyDictionary<string, string> Options { get; init; } = new Dictionary<string, string>();

    /// <summary>Reads <c>NAME</c> or <c>NAME:N</c>, N being the device.</summary>
    /// <returns>Null where N is no number, or there is no name.</returns>
    internal static (string Name, int Index)? Parse(string text) => text.Split(':') switch
    {
        [{ Length: > 0 } name] => (name, 0),
        [{ Length: > 0 } name, var index] when int.TryParse(index, NumberStyles.None, CultureInfo.InvariantCulture, out var number) => (name, number),
        _ => null,
    };
}
