using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace StableDiffusion;

/// <summary>A library of execution providers, registered with ONNX Runtime once a process: pipelines share it, and it is never unloaded.</summary>
internal static class ProviderLibrary
{
    private static readonly Lock _lock = new();
    private static readonly Dictionary<string, string> _registered = [];

    /// <summary>What a library offers on this machine.</summary>
    /// <param name="path">The file.</param>
    /// <param name="name">What to register it as, which some libraries take for their provider's name; null for the file's.</param>
    /// <exception cref="RequestException">There is no such file.</exception>
    /// <exception cref="DeviceException">It cannot be loaded, or has no provider.</exception>
    public static IReadOnlyList<OrtEpDevice> Open(string path, string? name = null)
    {
        if (!File.Exists(path))
        {
            throw new RequestException(
                nameof(ExecutionProvider.LibraryPath), $"{nameof(ExecutionProvider.LibraryPath):name}: there is no file {OneLine.Quote(path)}; give the provider's library.");
        }

        var real = WeightFiles.RealPath(path);
        lock (_lock)
        {
            if (!_registered.ContainsKey(real))
            {
                Register(path, real, name ?? Path.GetFileNameWithoutExtension(path));
            }

            return [.. OnnxRuntimeEnvironment.Instance.GetEpDevices().Where(device => device.EpMetadata.Entries.TryGetValue("library_path", out var from) && from == real)];
        }
    }

    private static void Register(string path, string real, string name)
    {
        if (Stranger(real) is { } other)
        {
            throw Refusal(path, $"it is made for {other}, and this is a process for {RuntimeInformation.ProcessArchitecture}");
        }

        var unique = _registered.ContainsValue(name) ? $"{name} of {real}" : name;
        try
        {
            OnnxRuntimeEnvironment.Instance.RegisterExecutionProviderLibrary(unique, real);
        }
        catch (Exception error) when (error is OnnxRuntimeException or EntryPointNotFoundException)
        {
            var reason = CudaProvider.Reason(error.Message).Replace($"{real}: ", "", StringComparison.Ordinal);
            throw Refusal(path, error.Message.Contains("CreateEpFactories", StringComparison.Ordinal) ? "it is no execution provider for ONNX Runtime" : reason);
        }

        _registered[real] = unique;
    }

    private static DeviceException Refusal(string path, string reason) => new(
        nameof(ExecutionProvider.LibraryPath),
        $"{nameof(ExecutionProvider.LibraryPath):name} {OneLine.Quote(path)} cannot be used: {reason}. Give the library of a plugin execution provider for ONNX Runtime {OnnxRuntimeEnvironment.Instance.GetVersionString()} and this system.");

    /// <summary>The processor that an ELF file is made for where it is another than this process's: the loader would say that there is no such file.</summary>
    private static string? Stranger(string path)
    {
        Span<byte> head = stackalloc byte[20];
        using var file = File.OpenRead(path);
        if (file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) < head.Length || !head.StartsWith("\x7f"u8) || !head[1..].StartsWith("ELF"u8))
        {
            return null;
        }

        Architecture? made = BinaryPrimitives.ReadUInt16LittleEndian(head[18..]) switch
        {
            3 => Architecture.X86,
            40 => Architecture.Arm,
            62 => Architecture.X64,
            183 => Architecture.Arm64,
            243 => Architecture.RiscV64,
            _ => null,
        };
        return made is null || made == RuntimeInformation.ProcessArchitecture ? null : made.ToString();
    }
}
