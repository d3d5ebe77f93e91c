using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace StableDiffusion;

/// <summary>
/// ONNX Runtime itself, which reports nothing to anybody: since 1.29 its official builds for Linux and macOS keep a device's number in the
/// user's cache folder and send which networks are opened to Microsoft unless <c>ORT_DISABLE_TELEMETRY</c> is set before the library is
/// loaded (microsoft/onnxruntime, docs/Privacy.md). Whoever sets that variable decides.
/// </summary>
internal static partial class OnnxRuntimeEnvironment
{
    private const string Switch = "ORT_DISABLE_TELEMETRY";

    private static readonly Lazy<OrtEnv> _instance = new(Load);

    /// <summary>The library, loaded by whoever asks first.</summary>
    /// <exception cref="DllNotFoundException">It is not here.</exception>
    /// <exception cref="TypeInitializationException">The same, when asked again.</exception>
    public static OrtEnv Instance => _instance.Value;

    private static OrtEnv Load()
    {
        if (Environment.GetEnvironmentVariable(Switch) is not null)
        {
            return OrtEnv.Instance();
        }

        Environment.SetEnvironmentVariable(Switch, "1"); // for processes that are started, and on Windows
        if (!OperatingSystem.IsWindows())
        {
            // .NET keeps a copy of the environment; native libraries read the original.
            _ = SetNative(Switch, "1", overwrite: 0);
        }

        var environment = OrtEnv.Instance();
        environment.DisableTelemetryEvents(); // Windows' own
        return environment;
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SetNative(string name, string value, int overwrite);
}
