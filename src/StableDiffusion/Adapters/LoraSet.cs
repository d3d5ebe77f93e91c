namespace StableDiffusion;

/// <summary>The LoRAs of a run, matched with the networks of a model. Each network gets the changes that are meant for it when it is opened.</summary>
internal sealed class LoraSet
{
    private const int MostNamed = 20;

    private readonly Dictionary<string, List<(Lora Lora, LoraFile File, LoraModule Module, string Path)>> _changes = [];

    /// <param name="loras">Files and strengths.</param>
    /// <param name="folder">The model.</param>
    /// <param name="warn">Told which parts of a file found no module.</param>
    /// <exception cref="RequestException">A file cannot be read, is no LoRA, or was made for another model.</exception>
    /// <exception cref="ModelException">An export has lost what is needed to find its modules.</exception>
    public LoraSet(IReadOnlyList<Lora> loras, ModelFolder folder, Action<string> warn)
    {
        var tables = new Dictionary<string, ModuleTable?>();
        ModuleTable? TableOf(string part)
        {
            if (!tables.TryGetValue(part, out var table))
            {
                var path = folder.NetworkOf(part);
                table = tables[part] = File.Exists(path) ? Read(OnnxGraph.Load(path)) : null;
            }

            return table;
        }

        var denoiser = folder.Family.NetworkPart;
        foreach (var lora in loras)
        {
            var file = LoraFile.Open(lora.Path);
            var lost = new List<string>(file.UnknownNames);
            foreach (var module in file.Modules)
            {
                string[] parts = module.Network is null ? [denoiser, "text_encoder"] : [module.Network == LoraModule.Denoiser ? denoiser : module.Network];
                if (Array.Find(parts, part => TableOf(part)?.PathOf(module.Path) is not null) is not { } found)
                {
                    lost.AddRange(file.NamesOf(module));
                    continue;
                }

                var table = TableOf(found)!;
                var path = table.PathOf(module.Path)!;
                RequireFit(file, module, table.Modules[path], found);
                ChangesOf(found).Add((lora, file, module, path));
            }

            Report(file, lost, folder, warn);
        }
    }

    /// <summary>The folders of the networks that are changed.</summary>
    public IReadOnlyCollection<string> Parts => _changes.Keys;

    /// <summary>Applies what is meant for one network.</summary>
    /// <param name="graph">The network.</param>
    /// <param name="part">Its folder: unet, text_encoder, text_encoder_2.</param>
    /// <param name="mostMergedBytes">See <see cref="LoraEdit.MostMergedBytes"/>.</param>
    public void Apply(OnnxGraph graph, string part, long mostMergedBytes = LoraEdit.MostMergedBytes)
    {
        if (!_changes.TryGetValue(part, out var wanted))
        {
            return;
        }

        var table = Read(graph);
        var changes = new Dictionary<WeightedModule, LowRank>(ReferenceEqualityComparer.Instance);
        foreach (var (lora, file, key, path) in wanted)
        {
            var strength = part.StartsWith("text_encoder", StringComparison.Ordinal) ? lora.TextWeight : lora.Weight;
            if (strength != 0)
            {
                var module = table.Modules[path];
                var change = file.Read(key).Scaled((float)strength);
                changes[module] = changes.TryGetValue(module, out var other) ? other.Plus(change) : change;
            }
        }

        LoraEdit.Apply(graph, changes, mostMergedBytes);
    }

    private static ModuleTable Read(OnnxGraph graph)
    {
        graph.Sort();
        return ModuleTable.Of(graph, new OnnxIndex(graph), ModuleOrder.Read(graph.Path));
    }

    private static void RequireFit(LoraFile file, LoraModule key, WeightedModule module, string part)
    {
        var (outputs, rowLength) = file.SizeOf(key);
        var modelRow = module.Shape.Skip(1).Aggregate(1L, (length, size) => length * size);
        if (outputs != module.Shape[0] || rowLength != modelRow)
        {
            throw new RequestException(
                $"{OneLine.Quote(file.Path)} does not fit this model: in {part}, {OneLine.Of(key.Path)} changes a weight of {outputs} x {rowLength}, and the model's has {module.Shape[0]} x {modelRow}; "
                + "it was made for a model of another family (SD 1, SD 2, SDXL).");
        }
    }

    private static void Report(LoraFile file, List<string> lost, ModelFolder folder, Action<string> warn)
    {
        if (lost.Count == 0 && file.Modules.Count > 0)
        {
            return;
        }

        var names = string.Join(", ", lost.Take(MostNamed).Select(OneLine.Of)) + (lost.Count > MostNamed ? $" and {lost.Count - MostNamed} more" : "");
        if (lost.Count == file.TensorCount)
        {
            throw new RequestException(lost.Count == 0
                ? $"{OneLine.Quote(file.Path)} holds no tensors, so it is no LoRA."
                : $"{OneLine.Quote(file.Path)} is no LoRA for {folder.Name}: none of its {lost.Count} keys belongs to a module of the model ({names}).");
        }

        warn($"{OneLine.Quote(file.Path)}: {lost.Count} of {file.TensorCount} keys belong to no module of {folder.Name} and do nothing: {names}.");
    }

    private List<(Lora Lora, LoraFile File, LoraModule Module, string Path)> ChangesOf(string part)
    {
        if (!_changes.TryGetValue(part, out var changes))
        {
            _changes[part] = changes = [];
        }

        return changes;
    }
}
