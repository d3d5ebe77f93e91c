/* A plugin execution provider of ONNX Runtime, for tests: it offers the processor as two devices, takes the operators that the option "take"
 * names (one; Sigmoid where it is not given), refuses to compile any other than Sigmoid, and computes a sigmoid times the option "gain". With -DNO_DEVICE it offers no device. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "onnxruntime_c_api.h"

#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

#define TRY(call)                 \
  do {                            \
    OrtStatus* status_ = (call);  \
    if (status_ != NULL) return status_; \
  } while (0)

static const OrtApi* api;
static const OrtEpApi* ep_api;

typedef struct {
  OrtEp base;
  char take[64];
  float gain;
} Provider;

typedef struct {
  OrtNodeComputeInfo base;
  float gain;
} Sigmoid;

static const char* ORT_API_CALL name_of(const OrtEpFactory* factory) { (void)factory; return "SigmoidExecutionProvider"; }

static const char* ORT_API_CALL vendor_of(const OrtEpFactory* factory) { (void)factory; return "the tests"; }

static uint32_t ORT_API_CALL vendor_id_of(const OrtEpFactory* factory) { (void)factory; return 0xC0DE; }

static const char* ORT_API_CALL version_of(const OrtEpFactory* factory) { (void)factory; return "1.2.3"; }

static const char* ORT_API_CALL provider_name(const OrtEp* ep) { (void)ep; return "SigmoidExecutionProvider"; }

/* ---- One fused node: y = gain / (1 + exp(-x)). */

static OrtStatus* ORT_API_CALL create_state(OrtNodeComputeInfo* self, OrtNodeComputeContext* context, void** state) {
  (void)context;
  *state = self;
  return NULL;
}

static void ORT_API_CALL release_state(OrtNodeComputeInfo* self, void* state) { (void)self; (void)state; }

static OrtStatus* ORT_API_CALL compute(OrtNodeComputeInfo* self, void* state, OrtKernelContext* context) {
  (void)state;
  const OrtValue* x;
  OrtTensorTypeAndShapeInfo* shape;
  size_t rank, count;
  int64_t dimensions[8];
  TRY(api->KernelContext_GetInput(context, 0, &x));
  TRY(api->GetTensorTypeAndShape(x, &shape));
  OrtStatus* status = api->GetDimensionsCount(shape, &rank);
  if (status == NULL && rank > 8) status = api->CreateStatus(ORT_FAIL, "more than eight dimensions");
  if (status == NULL) status = api->GetDimensions(shape, dimensions, rank);
  if (status == NULL) status = api->GetTensorShapeElementCount(shape, &count);
  api->ReleaseTensorTypeAndShapeInfo(shape);
  if (status != NULL) return status;
  OrtValue* y;
  const void* from;
  void* to;
  TRY(api->KernelContext_GetOutput(context, 0, dimensions, rank, &y));
  TRY(api->GetTensorData(x, &from));
  TRY(api->GetTensorMutableData(y, &to));
  for (size_t i = 0; i < count; i++) ((float*)to)[i] = ((Sigmoid*)self)->gain / (1 + expf(-((const float*)from)[i]));
  return NULL;
}

/* ---- The provider. */

static OrtStatus* is_ours(const Provider* self, const OrtNode* node, int* ours) {
  const char* type;
  const OrtValueInfo* input;
  const OrtTypeInfo* input_type;
  const OrtTensorTypeAndShapeInfo* tensor;
  enum ONNXTensorElementDataType element = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  *ours = 0;
  TRY(api->Node_GetOperatorType(node, &type));
  if (strcmp(type, self->take) != 0) return NULL;
  TRY(api->Node_GetInputs(node, &input, 1));
  TRY(api->GetValueInfoTypeInfo(input, &input_type));
  TRY(api->CastTypeInfoToTensorInfo(input_type, &tensor));
  if (tensor != NULL) TRY(api->GetTensorElementType(tensor, &element));
  *ours = element == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  return NULL;
}

static OrtStatus* ORT_API_CALL get_capability(OrtEp* ep, const OrtGraph* graph, OrtEpGraphSupportInfo* support) {
  size_t count;
  TRY(api->Graph_GetNumNodes(graph, &count));
  const OrtNode** nodes = malloc((count + 1) * sizeof(*nodes));
  OrtStatus* status = api->Graph_GetNodes(graph, nodes, count);
  for (size_t i = 0; i < count && status == NULL; i++) {
    int ours;
    status = is_ours((Provider*)ep, nodes[i], &ours);
    if (status == NULL && ours) status = ep_api->EpGraphSupportInfo_AddNodesToFuse(support, &nodes[i], 1, NULL);
  }
  free(nodes);
  return status;
}

static OrtStatus* ORT_API_CALL compile(OrtEp* ep, const OrtGraph** graphs, const OrtNode** fused, size_t count, OrtNodeComputeInfo** infos, OrtNode** contexts) {
  (void)graphs; (void)fused; (void)contexts;
  if (strcmp(((Provider*)ep)->take, "Sigmoid") != 0) return api->CreateStatus(ORT_NOT_IMPLEMENTED, "a sigmoid is all that it computes");
  for (size_t i = 0; i < count; i++) {
    Sigmoid* info = calloc(1, sizeof(*info));
    info->base.ort_version_supported = ORT_API_VERSION;
    info->base.CreateState = create_state;
    info->base.Compute = compute;
    info->base.ReleaseState = release_state;
    info->gain = ((Provider*)ep)->gain;
    infos[i] = &info->base;
  }
  return NULL;
}

static void ORT_API_CALL release_infos(OrtEp* ep, OrtNodeComputeInfo** infos, size_t count) {
  (void)ep;
  for (size_t i = 0; i < count; i++) free(infos[i]);
}

/* ---- The factory. */

static OrtStatus* ORT_API_CALL supported_devices(
    OrtEpFactory* factory, const OrtHardwareDevice* const* devices, size_t count, OrtEpDevice** offered, size_t most, size_t* offered_count) {
  *offered_count = 0;
#ifdef NO_DEVICE
  (void)factory; (void)devices; (void)count; (void)offered; (void)most;
#else
  for (size_t i = 0; i < count; i++) {
    if (api->HardwareDevice_Type(devices[i]) != OrtHardwareDeviceType_CPU) continue;
    for (int twin = 0; twin < 2 && *offered_count < most; twin++) {
      TRY(ep_api->CreateEpDevice(factory, devices[i], NULL, NULL, &offered[*offered_count]));
      ++*offered_count;
    }
    break;
  }
#endif
  return NULL;
}

/* A provider finds its options among the session's settings, as "ep.(its name in small letters).(key)". */
static OrtStatus* option(const OrtSessionOptions* options, const char* key, char* value, size_t size) {
  int given;
  TRY(api->HasSessionConfigEntry(options, key, &given));
  return given ? api->GetSessionConfigEntry(options, key, value, &size) : NULL;
}

static OrtStatus* ORT_API_CALL create_provider(
    OrtEpFactory* factory, const OrtHardwareDevice* const* devices, const OrtKeyValuePairs* const* metadata, size_t count,
    const OrtSessionOptions* options, const OrtLogger* logger, OrtEp** ep) {
  (void)factory; (void)devices; (void)metadata; (void)logger;
  char gain[64] = "1";
  Provider* made = calloc(1, sizeof(*made));
  strcpy(made->take, "Sigmoid");
  OrtStatus* status = count == 1 ? NULL : api->CreateStatus(ORT_FAIL, "one device is enough");
  if (status == NULL) status = option(options, "ep.sigmoidexecutionprovider.take", made->take, sizeof(made->take));
  if (status == NULL) status = option(options, "ep.sigmoidexecutionprovider.gain", gain, sizeof(gain));
  made->gain = strtof(gain, NULL);
  if (status == NULL && made->gain == 0) status = api->CreateStatus(ORT_INVALID_ARGUMENT, "the option gain must be a number other than 0");
  if (status != NULL) {
    free(made);
    return status;
  }
  made->base.ort_version_supported = ORT_API_VERSION;
  made->base.GetName = provider_name;
  made->base.GetCapability = get_capability;
  made->base.Compile = compile;
  made->base.ReleaseNodeComputeInfos = release_infos;
  *ep = &made->base;
  return NULL;
}

static void ORT_API_CALL release_provider(OrtEpFactory* factory, OrtEp* ep) { (void)factory; free(ep); }

static bool ORT_API_CALL is_stream_aware(const OrtEpFactory* factory) { (void)factory; return false; }

static OrtStatus* ORT_API_CALL no_data_transfer(OrtEpFactory* factory, OrtDataTransferImpl** transfer) {
  (void)factory;
  *transfer = NULL;
  return NULL;
}

static OrtEpFactory factory;

EXPORT OrtStatus* CreateEpFactories(
    const char* registered_name, const OrtApiBase* base, const OrtLogger* logger, OrtEpFactory** factories, size_t most, size_t* count) {
  (void)registered_name; (void)logger; (void)most;
  api = base->GetApi(ORT_API_VERSION);
  ep_api = api->GetEpApi();
  factory.ort_version_supported = ORT_API_VERSION;
  factory.GetName = name_of;
  factory.GetVendor = vendor_of;
  factory.GetVendorId = vendor_id_of;
  factory.GetVersion = version_of;
  factory.GetSupportedDevices = supported_devices;
  factory.CreateEp = create_provider;
  factory.ReleaseEp = release_provider;
  factory.IsStreamAware = is_stream_aware;
  factory.CreateDataTransfer = no_data_transfer;
  factories[0] = &factory;
  *count = 1;
  return NULL;
}

EXPORT OrtStatus* ReleaseEpFactory(OrtEpFactory* released) { (void)released; return NULL; }
