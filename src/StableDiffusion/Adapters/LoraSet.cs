namespace StableDiffusion;

/// <summary>The LoRAs of a run, matched with the networks of a model. Each network gets the changes that are meant for it when it is opened.</summary>
internal sealed class LoraSet
{
    private const int MostNamed = 20;

    private readonly Dictionary<string, List<Change>> _changes = [];

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
                if (Array.Find(parts, part => TableOf(part)?.PathOf(module.Path) is not null) is { } found)
                {
                    Add(lora, file, module, found, [TableOf(found)!.PathOf(module.Path)!]);
                }
                else if (parts.Contains(denoiser) && TableOf(denoiser) is { } transformer && RowsOf(module, transformer) is { Count: > 0 } rows)
                {
                    Add(lora, file, module, denoiser, rows);
                }
                else
                {
                    lost.AddRange(file.NamesOf(module));
                }
            }

            Report(file, lost, folder, warn);
        }

        // The modules of a network whose rows, one below the other, are what the file has for one.
        void Add(Lora lora, LoraFile file, LoraModule module, string part, List<string> paths)
        {
            var modules = paths.ConvertAll(path => TableOf(part)!.Modules[path]);
            RequireFit(file, module, modules, part);
            var first = 0;
            foreach (var (path, weighted) in paths.Zip(modules))
            {
                ChangesOf(part).Add(new(lora, file, module, path, first));
                first += (int)weighted.Shape[0];
            }
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
        foreach (var wants in wanted)
        {
            var strength = part.StartsWith("text_encoder", StringComparison.Ordinal) ? wants.Lora.TextWeight : wants.Lora.Weight;
            if (strength != 0)
            {
                var module = table.Modules[wants.Path];
                var change = wants.File.Read(wants.Module).Rows(wants.FirstRow, (int)module.Shape[0]).Scaled((float)strength);
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

    /// <summary>The paths of the modules that are the rows of a module of the model's original code; none unless the network has all of them.</summary>
    private static List<string> RowsOf(LoraModule module, ModuleTable table)
    {
        var paths = OriginalTransformerNames.Targets(module.Path).Select(table.PathOf).ToList();
        return paths.TrueForAll(path => path is not null && !HasTurnedHalves(path, table.Modules[path])) ? [.. paths.OfType<string>()] : [];
    }

    /// <summary>The last block's modulation of the text, of scale and shift alone: diffusers keeps them in the other order (AdaLayerNormContinuous).</summary>
    private static bool HasTurnedHalves(string path, WeightedModule module) =>
        path.EndsWith(".norm1_context.linear", StringComparison.Ordinal) && module.Shape[0] == 2 * module.Shape[1];

    private static void RequireFit(LoraFile file, LoraModule key, List<WeightedModule> modules, string part)
    {
        var (outputs, rowLength) = file.SizeOf(key);
        var modelOutputs = modules.Sum(module => module.Shape[0]);
        var modelRow = modules[0].Shape.Skip(1).Aggregate(1L, (length, size) => length * size);
        if (outputs != modelOutputs || rowLength != modelRow)
        {
            throw new RequestException(
                $"{OneLine.Quote(file.Path)} does not fit this model: in {part}, {OneLine.Of(key.Path)} changes a weight of {outputs} x {rowLength}, and the model's has {modelOutputs} x {modelRow}; "
                + "it was made for a model of another family or size.");
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

    private List<Change> ChangesOf(string part)
    {
        if (!_changes.TryGetValue(part, out var changes))
        {
            _changes[part] = changes = [];
        }

        return changes;
    }

    /// <summary>What one module of a network gets.</summary>
    /// <param name="Lora">File and strengths.</param>
    /// <param name="File">The file.</param>
    /// <param name="Module">The module as the file names it.</param>
    /// <param name="Path">The module in the network.</param>
    /// <param name="FirstRow">Where its rows begin in what the file has for them.</param>
    private sealed record Change(Lora Lora, LoraFile File, LoraModule Module, string Path, int FirstRow);
}
