using System.Globalization;
using Microsoft.ML.OnnxRuntime;

namespace StableDiffusion;

/// <summary>One device of an execution provider from a library of its own.</summary>
internal sealed class PluginProvider
{
    private const string Suffix = "ExecutionProvider";

    private readonly OrtEpDevice _device;
    private readonly IReadOnlyDictionary<string, string> _options;

    private PluginProvider(OrtEpDevice device, ExecutionProvider asked)
    {
        (_device, _options) = (device, asked.Options);
        DeviceName = asked.DeviceIndex == 0 ? device.EpName : string.Create(CultureInfo.InvariantCulture, $"{device.EpName}:{asked.DeviceIndex}");
    }

    /// <summary>The provider's own name, with the device's number where it is not the first.</summary>
    public string DeviceName { get; }

    /// <summary>Loads the library, finds the provider and its device, and opens a small network with it.</summary>
    /// <exception cref="RequestException">There is no such file.</exception>
    /// <exception cref="DeviceException">The provider does not work here.</exception>
    public static PluginProvider Open(ExecutionProvider asked)
    {
        var offered = ProviderLibrary.Open(asked.LibraryPath, asked.Name);
        if (offered.Count == 0)
        {
            throw Refusal($"{nameof(PipelineOptions.Provider):name} {asked.Name}: its library offers no device on this machine, {NoDevice(asked)}");
        }

        var devices = offered.Where(device => IsCalled(device.EpName, asked.Name)).ToList();
        if (devices.Count == 0)
        {
            throw Refusal($"{nameof(PipelineOptions.Provider):name} {asked.Name} is not in {OneLine.Quote(asked.LibraryPath)}, which offers {string.Join(", ", offered.Select(one => one.EpName).Distinct())}.");
        }

        if (asked.DeviceIndex < 0 || asked.DeviceIndex >= devices.Count)
        {
            throw Refusal($"{nameof(PipelineOptions.Provider):name} {asked.Name}:{asked.DeviceIndex}: it offers {devices.Count} {(devices.Count == 1 ? "device" : "devices")} here, counted from 0.");
        }

        var provider = new PluginProvider(devices[asked.DeviceIndex], asked);
        try
        {
            using var options = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL };
            provider.Append(options);
            using var session = new InferenceSession(CudaProvider.OnePixel(), options);
        }
        catch (OnnxRuntimeException error)
        {
            throw Refusal($"{nameof(PipelineOptions.Provider):name} {asked.Name} cannot be used: {CudaProvider.Reason(error.Message)}. Change its options, or leave it out to run on the CPU.");
        }

        return provider;
    }

    /// <summary>Adds the provider to the settings of a session.</summary>
    public void Append(SessionOptions options) => options.AppendExecutionProvider(OnnxRuntimeEnvironment.Instance, [_device], _options);

    private static bool IsCalled(string name, string asked) =>
        name.Equals(asked, StringComparison.OrdinalIgnoreCase) || name.Equals(asked + Suffix, StringComparison.OrdinalIgnoreCase);

    private static string NoDevice(ExecutionProvider asked)
    {
        var hardware = OnnxRuntimeEnvironment.Instance.GetHardwareDevices();
        var here = $"which has {string.Join(", ", hardware.Select(one => $"{one.Type} of {one.Vendor}"))}";
        var isOpenVino = asked.Name.Contains("openvino", StringComparison.OrdinalIgnoreCase);
        var hasIntel = hardware.Any(one => one.Vendor.Contains("Intel", StringComparison.OrdinalIgnoreCase));
        return isOpenVino && !hasIntel ? $"{here}; OpenVINO's offers Intel's alone. Leave it out to run on the CPU." : $"{here}. Leave it out to run on the CPU.";
    }

    private static DeviceException Refusal(FormattableString message) => new(nameof(PipelineOptions.Provider), message);
}
