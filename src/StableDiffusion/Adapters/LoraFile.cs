using System.Text.Json;

namespace StableDiffusion;

/// <summary>
/// A LoRA (Hu et al. 2021, arXiv 2106.09685) from a .safetensors file: for each module it was trained on, two small matrices whose product is
/// added to the module's weight.
/// </summary>
internal sealed class LoraFile
{
    private const string AdapterMetadata = "lora_adapter_metadata";

    /// <summary>PEFT's own two files: the tensors, and beside them the configuration.</summary>
    private const string AdapterModel = "adapter_model.safetensors", AdapterConfig = "adapter_config.json";

    private readonly SafeTensorsFile _file;
    private readonly Dictionary<LoraModule, Dictionary<LoraPart, string>> _modules = [];
    private readonly List<string> _unknown = [];
    private readonly JsonElement? _adapter;

    private LoraFile(SafeTensorsFile file)
    {
        _file = file;
        foreach (var name in file.Names)
        {
            if (LoraKey.Parse(name) is not { } key)
            {
                _unknown.Add(name);
                continue;
            }

            if (key.Part == LoraPart.OtherKind)
            {
                throw new RequestException(
                    $"{OneLine.Quote(file.Path)} is no plain LoRA: {OneLine.Of(name)} belongs to a LoHa, LoKr, DoRA, OFT or Tucker adapter or to a LoRA with biases (lora_bias), which this program cannot apply.");
            }

            if (!_modules.TryGetValue(key.Module, out var parts))
            {
                _modules[key.Module] = parts = [];
            }

            if (!parts.TryAdd(key.Part, name))
            {
                throw new RequestException(
                    $"{OneLine.Quote(file.Path)}: {OneLine.Of(parts[key.Part])} and {OneLine.Of(name)} are the same part of the change of {OneLine.Of(key.Module.Path)}; only one of them can be meant.");
            }
        }

        _adapter = ReadAdapterMetadata() ?? ReadAdapterConfig();
    }

    public string Path => _file.Path;

    /// <summary>Names of tensors that are of no LoRA that this program knows.</summary>
    public IReadOnlyList<string> UnknownNames => _unknown;

    /// <summary>Modules that the file changes: the network it names, null for none, and the flattened path.</summary>
    public IReadOnlyCollection<LoraModule> Modules => _modules.Keys;

    /// <summary>The tensors that change one module.</summary>
    public IEnumerable<string> NamesOf(LoraModule module) => _modules[module].Values;

    /// <summary>Opens a file and reads its names, not yet its values.</summary>
    /// <exception cref="RequestException">It cannot be read, or holds an adapter of another kind.</exception>
    public static LoraFile Open(string path) => new(SafeTensorsFile.Open(path));

    /// <summary>Tensors in the file.</summary>
    public int TensorCount => _file.Names.Count;

    /// <summary>The size of the weight that a module must have: its outputs, and the values of one row.</summary>
    /// <exception cref="RequestException">The file's own shapes do not agree.</exception>
    public (long Outputs, long RowLength) SizeOf(LoraModule module)
    {
        var (down, up) = Halves(module);
        return (_file.ShapeOf(up)[0], _file.ShapeOf(down).Skip(1).Aggregate(1L, (length, size) => length * size));
    }

    /// <summary>The change of one module, scaled by alpha / rank.</summary>
    /// <exception cref="RequestException">The file's own shapes do not agree.</exception>
    public LowRank Read(LoraModule module)
    {
        var (down, up) = Halves(module);
        var rank = _file.ShapeOf(down)[0];
        var scale = _modules[module].TryGetValue(LoraPart.Alpha, out var alphaName) && _file.ReadFloats(alphaName) is [var alpha]
            ? alpha / rank
            : AdapterScale(module, rank);
        return new LowRank(_file.ReadFloats(down), _file.ReadFloats(up), rank).Scaled(scale);
    }

    private (string Down, string Up) Halves(LoraModule module)
    {
        var parts = _modules[module];
        if (!parts.TryGetValue(LoraPart.Down, out var downName) || !parts.TryGetValue(LoraPart.Up, out var upName))
        {
            throw new RequestException($"{OneLine.Quote(Path)} holds only one half of the change of {OneLine.Of(module.Path)}; it is damaged.");
        }

        var (down, up) = (_file.ShapeOf(downName), _file.ShapeOf(upName));
        return down.Count is 2 or 4 && up.Count is 2 or 4 && !down.Contains(0) && !up.Contains(0) && up[1] == down[0] && up.Skip(2).All(size => size == 1)
            ? (downName, upName)
            : throw new RequestException(
                $"{OneLine.Quote(Path)}: {OneLine.Of(upName)} [{string.Join(", ", up)}] and {OneLine.Of(downName)} [{string.Join(", ", down)}] do not make a product.");
    }

    /// <summary>Files of diffusers from 0.35 keep PEFT's configuration, alpha with it, as JSON beside the tensors.</summary>
    private JsonElement? ReadAdapterMetadata()
    {
        if (!_file.Metadata.TryGetValue(AdapterMetadata, out var text))
        {
            return null;
        }

        try
        {
            using var json = StrictJson.Parse(text);
            return json.RootElement.ValueKind == JsonValueKind.Object ? json.RootElement.Clone() : null;
        }
        catch (JsonException)
        {
            // What another program wrote under that name is none of ours; diffusers, too, then takes a scale of 1.
            return null;
        }
    }

    /// <summary>PEFT's <c>save_pretrained</c> keeps alpha in a file of its own.</summary>
    /// <exception cref="RequestException">It is no JSON.</exception>
    private JsonElement? ReadAdapterConfig()
    {
        var config = System.IO.Path.Combine(System.IO.Path.GetDirectoryName(Path)!, AdapterConfig);
        if (System.IO.Path.GetFileName(Path) != AdapterModel || !File.Exists(config))
        {
            return null;
        }

        try
        {
            return ModelJson.Read(config);
        }
        catch (ModelException error)
        {
            throw new RequestException(error.Message, error);
        }
    }

    /// <summary>alpha / rank, or alpha / √rank with rank stabilisation (Kalajdzievski 2023, arXiv 2312.03732); 1 where the file says nothing.</summary>
    private float AdapterScale(LoraModule module, int rank)
    {
        // diffusers' pipelines say of which network each setting is; its models, and PEFT, save one network alone.
        string[] prefixes = module.Network == LoraModule.Denoiser ? ["unet.", "transformer.", ""] : [module.Network + ".", ""];
        JsonElement? Setting(string key)
        {
            foreach (var prefix in prefixes)
            {
                if (_adapter is { } adapter && adapter.TryGetProperty(prefix + key, out var value))
                {
                    return value;
                }
            }

            return null;
        }

        var alpha = Setting("lora_alpha") is { ValueKind: JsonValueKind.Number } common ? common.GetDouble() : (double?)null;
        if (Setting("alpha_pattern") is { ValueKind: JsonValueKind.Object } pattern)
        {
            foreach (var entry in pattern.EnumerateObject())
            {
                var suffix = entry.Name.Replace('.', '_');
                if (entry.Value.ValueKind == JsonValueKind.Number && (module.Path == suffix || module.Path.EndsWith("_" + suffix, StringComparison.Ordinal)))
                {
                    alpha = entry.Value.GetDouble();
                    break;
                }
            }
        }

        var stabilised = Setting("use_rslora") is { ValueKind: JsonValueKind.True };
        return alpha is { } given ? (float)(given / (stabilised ? Math.Sqrt(rank) : rank)) : 1;
    }
}
